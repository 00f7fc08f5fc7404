import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { beforeEach, describe, expect, it } from 'vitest';
import { SECRETS_KEPT, SECRETS_KEPT_AT_LEAST, StoredSecrets } from '../../lambdas/notifications/secrets.ts';
import { parseSecrets } from '../../lambdas/notifications/settings.ts';
import { SecretsManagerSecret } from '../../lambdas/store/secret-store.ts';
import { type Answer, fakeHttp } from '../store/fake-http.ts';
import { TestClock } from '../support/clock.ts';

const [OLD, NEW] = ['the-secret-of-before', 'the-secret-of-now'];

describe('stored secrets', () => {
  let clock: TestClock;
  let stored: string[];
  let looks: number;
  let broken: Error | undefined;
  let failures: unknown[];
  let secrets: StoredSecrets;

  beforeEach(() => {
    clock = new TestClock();
    stored = [OLD];
    looks = 0;
    broken = undefined;
    failures = [];
    const read = async () => {
      looks++;
      if (broken !== undefined) throw broken;
      return stored;
    };
    secrets = new StoredSecrets({
      ...{ store: { read }, parse: parseSecrets, now: () => clock.now() },
      onFailure: (error) => failures.push(error),
    });
  });

  it('are read once, and again after some minutes', async () => {
    expect(await secrets.known()).toEqual([OLD]);
    stored = [NEW, OLD];
    clock.advance(SECRETS_KEPT - 1);
    expect(await secrets.known()).toEqual([OLD]);
    clock.advance(1);
    expect(await secrets.known()).toEqual([NEW, OLD]);
    expect(looks).toBe(2);
  });

  it('are looked for sooner when something unknown is shown, but not each time', async () => {
    await secrets.known();
    stored = [NEW];
    expect(await secrets.renewed()).toEqual([OLD]);
    clock.advance(SECRETS_KEPT_AT_LEAST);
    expect(await secrets.renewed()).toEqual([NEW]);
    expect(await secrets.renewed()).toEqual([NEW]);
    expect(looks).toBe(2);
  });

  it('stay what they were while the store does not answer, which is told', async () => {
    await secrets.known();
    broken = new Error('throttled');
    clock.advance(SECRETS_KEPT);
    expect(await secrets.known()).toEqual([OLD]);
    expect(failures).toEqual([broken]);
  });

  it('stay what they were when the new value cannot be a secret', async () => {
    await secrets.known();
    stored = ['short'];
    clock.advance(SECRETS_KEPT);
    expect(await secrets.known()).toEqual([OLD]);
    expect(String(failures[0])).toContain('the stored secret: secret 1 of 1 is too short');
  });

  it('are none at all while the store has never answered', async () => {
    broken = new Error('denied');
    await expect(secrets.known()).rejects.toBe(broken);
    broken = undefined;
    expect(await secrets.known()).toEqual([OLD]);
  });
});

describe('a secret of Secrets Manager', () => {
  const secretOver = (answer: (stage: string) => Answer) => {
    const http = fakeHttp(({ body }) => answer(JSON.parse(body).VersionStage));
    const client = new SecretsManagerClient({ ...http.settings, maxAttempts: 1 });
    return new SecretsManagerSecret({ client, secretId: 'registry' });
  };
  const value = (SecretString: string): Answer => ({ body: JSON.stringify({ SecretString }) });
  const failure = (__type: string): Answer => ({ status: 400, body: JSON.stringify({ __type }) });

  it('has the value in force and the one before', async () => {
    const secret = secretOver((stage) => value(stage === 'AWSCURRENT' ? NEW : OLD));
    expect(await secret.read()).toEqual([NEW, OLD]);
  });

  it('has none before while it has never been rotated', async () => {
    const secret = secretOver((stage) =>
      stage === 'AWSCURRENT' ? value(NEW) : failure('ResourceNotFoundException'),
    );
    expect(await secret.read()).toEqual([NEW]);
  });

  it.each(['AWSCURRENT', 'AWSPREVIOUS'])('is not there when %s is refused', async (refused) => {
    const secret = secretOver((stage) => (stage === refused ? failure('AccessDeniedException') : value(NEW)));
    await expect(secret.read()).rejects.toMatchObject({ name: 'AccessDeniedException' });
  });

  it('is not there when there is no value in force', async () => {
    await expect(secretOver(() => failure('ResourceNotFoundException')).read()).rejects.toThrow();
    await expect(secretOver(() => ({ body: '{}' })).read()).rejects.toThrow('has no value in force');
  });
});
