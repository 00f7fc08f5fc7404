/** What goes wrong first, as it is told: one line with what to do. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { S3ServiceException } from '@aws-sdk/client-s3';
import { QueueDoesNotExist } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { describe as lineOf } from '../../cli/errors.ts';
import { EXIT } from '../../cli/exit-codes.ts';
import { LOOPBACK } from '../../local/embedded-dynamodb.ts';
import { adopt, BUCKET, type Environment, runCli, spawnCli, TABLE } from './support.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const CREDENTIALS = 'set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';
const ROLE = 'arn:aws:sts::111122223333:assumed-role/pruner/session';
const TABLE_ARN = 'arn:aws:dynamodb:eu-west-1:111122223333:table/metadata';

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** As S3 words its errors. */
function xml(status: number, code: string, message: string, more = ''): Answer {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message>${more}</Error>`;
  return { status, body, headers: { 'content-type': 'application/xml' } };
}

/** As DynamoDB words its errors. */
function json(status: number, type: string, message: string, field = 'message'): Answer {
  const body = JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, [field]: message });
  return { status, body, headers: { 'content-type': 'application/x-amz-json-1.0' } };
}

let server: Server;
let answer: Answer;
let env: Environment;

beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume();
    const { status, headers = {}, body = '' } = answer;
    response.writeHead(status, { 'x-amzn-requestid': '1', ...headers }).end(body);
  });
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the stub listens on no port');
  env = {
    AWS_ENDPOINT_URL: `http://${LOOPBACK}:${address.port}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    METADATA_TABLE: TABLE,
    REGISTRY_BUCKET: BUCKET,
  };
  adopt(env);
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
});

/** The one line, without the program's name. */
async function said(args: readonly string[], answered: Answer): Promise<string> {
  answer = answered;
  const ended = await runCli(args, env);
  expect(ended).toMatchObject({ code: EXIT.error, stdout: '' });
  expect(ended.stderr).toMatch(/^registry-prune: [^\n]+\n$/);
  return ended.stderr.slice('registry-prune: '.length, -1);
}

describe('what DynamoDB answers', () => {
  it.each([
    [
      'expired credentials',
      json(400, 'ExpiredTokenException', 'The security token included in the request is expired'),
      `the AWS credentials have expired (ExpiredTokenException): sign in again (aws sso login), or ${CREDENTIALS} anew`,
    ],
    [
      'credentials it does not know',
      json(400, 'UnrecognizedClientException', 'The security token included in the request is invalid.'),
      `AWS does not accept the credentials (UnrecognizedClientException: The security token included in the request is invalid): ${CREDENTIALS}`,
    ],
    [
      'a right that is missing',
      json(
        400,
        'AccessDeniedException',
        `User: ${ROLE} is not authorized to perform: dynamodb:Query on resource: ${TABLE_ARN} because no identity-based policy allows the dynamodb:Query action`,
        'Message',
      ),
      `AWS denies dynamodb:Query on ${TABLE_ARN} to ${ROLE}: allow it in a policy, or set another AWS_PROFILE`,
    ],
    [
      'a right that is forbidden',
      json(
        400,
        'AccessDeniedException',
        `User: ${ROLE} is not authorized to perform: dynamodb:Query on resource: ${TABLE_ARN} with an explicit deny in a service control policy`,
        'Message',
      ),
      `AWS denies dynamodb:Query on ${TABLE_ARN} to ${ROLE}: a policy forbids it explicitly; lift that, or set another AWS_PROFILE`,
    ],
    [
      'no table',
      json(400, 'ResourceNotFoundException', 'Requested resource not found'),
      'The metadata table "metadata" does not exist or lacks the index "due"; create it with `registry-prune init` or deploy the stack',
    ],
    [
      'what is no answer of AWS',
      { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>Welcome</html>' },
      expect.stringMatching(/^the answer is none of AWS \(.+\): check AWS_ENDPOINT_URL$/),
    ],
  ])('%s', async (_, answered, line) => {
    expect(await said(['runs'], answered)).toEqual(line);
  });
});

describe('what S3 answers', () => {
  it.each([
    [
      'expired credentials',
      xml(400, 'ExpiredToken', 'The provided token has expired.'),
      `the AWS credentials have expired (ExpiredToken): sign in again (aws sso login), or ${CREDENTIALS} anew`,
    ],
    [
      'credentials it does not know',
      xml(403, 'InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.'),
      `AWS does not accept the credentials (InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records): ${CREDENTIALS}`,
    ],
    [
      'a right that is missing, without a word more',
      xml(403, 'AccessDenied', 'Access Denied'),
      'AWS denies access (Access Denied): allow what the README says that the process needs, or set another AWS_PROFILE',
    ],
    [
      'a right that is missing, in full',
      xml(
        403,
        'AccessDenied',
        `User: ${ROLE} is not authorized to perform: s3:GetBucketVersioning on resource: &quot;arn:aws:s3:::registry&quot; because no identity-based policy allows the s3:GetBucketVersioning action`,
      ),
      `AWS denies s3:GetBucketVersioning on arn:aws:s3:::registry to ${ROLE}: allow it in a policy, or set another AWS_PROFILE`,
    ],
    [
      'a bucket of another region, with its region',
      {
        ...xml(301, 'PermanentRedirect', 'The bucket you are attempting to access must be addressed…'),
        headers: { 'content-type': 'application/xml', 'x-amz-bucket-region': 'eu-west-1' },
      },
      'the bucket is in another region: set AWS_REGION to eu-west-1',
    ],
    [
      'a bucket of another region, without',
      xml(301, 'PermanentRedirect', 'The bucket you are attempting to access must be addressed…'),
      'the bucket is in another region: set AWS_REGION to its region',
    ],
    [
      'a signature for another region',
      xml(
        400,
        'AuthorizationHeaderMalformed',
        "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'",
        '<Region>eu-west-1</Region>',
      ),
      'the bucket is in another region: set AWS_REGION to eu-west-1',
    ],
    [
      'no bucket',
      xml(404, 'NoSuchBucket', 'The specified bucket does not exist'),
      'The bucket "registry" does not exist: check REGISTRY_BUCKET, and by AWS_PROFILE the account',
    ],
    [
      'a clock that is wrong',
      xml(403, 'RequestTimeTooSkewed', 'The difference between the request time and the server time…'),
      "AWS takes this machine's clock for wrong: set it right and try again",
    ],
  ])('%s', async (_, answered, line) => {
    expect(await said(['prune'], answered)).toEqual(line);
  });
});

describe('before anything answers', () => {
  const without = (...names: string[]): Environment => ({
    ...Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name))),
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  });

  it.each([
    [
      'no credentials',
      () => without('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'),
      `no AWS credentials found: ${CREDENTIALS}`,
    ],
    ['no region', () => without('AWS_REGION'), 'no AWS region is set: set AWS_REGION'],
    [
      'a port that nobody listens on',
      () => ({ ...env, AWS_ENDPOINT_URL: 'http://127.0.0.1:9' }),
      'nothing answers at 127.0.0.1:9 (ECONNREFUSED): check the network and AWS_ENDPOINT_URL',
    ],
    [
      'a name of several addresses',
      () => ({ ...env, AWS_ENDPOINT_URL: 'http://localhost:9' }),
      expect.stringMatching(
        /^nothing answers at (127\.0\.0\.1|::1):9 \(ECONNREFUSED\): check the network and AWS_ENDPOINT_URL$/,
      ),
    ],
  ])('%s', async (_, environment, line) => {
    const { code, stdout, stderr } = await spawnCli(['runs'], environment());
    expect({ code, stdout }).toEqual({ code: EXIT.error, stdout: '' });
    expect(stderr.slice('registry-prune: '.length, -1)).toEqual(line);
  });

  it('a host that has no address', () => {
    const error = Object.assign(new Error('getaddrinfo ENOTFOUND s3.nowhere.invalid'), {
      code: 'ENOTFOUND',
      hostname: 's3.nowhere.invalid',
    });
    expect(lineOf(error)).toBe(
      'the host s3.nowhere.invalid cannot be found (ENOTFOUND): check the network, AWS_REGION and AWS_ENDPOINT_URL',
    );
  });
});

describe('one line for', () => {
  const serviceError = (name: string, message: string) =>
    new S3ServiceException({ name, message, $fault: 'client', $metadata: {} });
  /** Of an answer to HEAD, which has no body. */
  const unknownError = (httpStatusCode: number) =>
    new S3ServiceException({
      ...{ name: 'UnknownError', message: 'UnknownError', $fault: 'client', $metadata: { httpStatusCode } },
    });
  const named = (name: string, message: string) => Object.assign(new Error(message), { name });

  it.each([
    [
      serviceError('SlowDown', 'Please reduce your request rate.'),
      'AWS limits the rate (SlowDown: Please reduce your request rate): try again later',
    ],
    [
      unknownError(400),
      'S3 answered 400 and could not say why: the AWS credentials may have expired; sign in again ' +
        `(aws sso login), or ${CREDENTIALS} anew`,
    ],
    [unknownError(500), 'S3 answered 500 and could not say why: try again later'],
    [
      new QueueDoesNotExist({ message: 'The specified queue does not exist.', $metadata: {} }),
      'the queue does not exist: check its URL and AWS_REGION',
    ],
    [
      named('TimeoutError', 'Connection timed out after 2000 ms'),
      'no answer in time (Connection timed out after 2000 ms): check the network and AWS_ENDPOINT_URL',
    ],
    [
      named(
        'CredentialsProviderError',
        "Token is expired. To refresh this SSO session run 'aws sso login' with the corresponding profile.",
      ),
      "the AWS credentials cannot be used: Token is expired. To refresh this SSO session run 'aws sso login' with the corresponding profile.",
    ],
    [
      named('CredentialsProviderError', 'Could not resolve credentials using profile: [work].'),
      `no AWS credentials found (Could not resolve credentials using profile: [work]): ${CREDENTIALS}`,
    ],
    [
      serviceError('InternalError', 'We encountered\nan internal error.'),
      'We encountered an internal error.',
    ],
    [serviceError('Strange', 'Something else'), 'Strange: Something else'],
    [new Error('', { cause: new Error('the cause') }), 'the cause'],
    ['no error at all', 'no error at all'],
  ])('%s', (error, line) => {
    expect(lineOf(error)).toBe(line);
  });

  it.each([
    ['no/such/plan.json', 'no/such/plan.json: there is no such file or directory'],
    ['.', 'what is to be read is a directory'],
  ])('a file that cannot be read: %s', async (path, line) => {
    const error = await readFile(path).catch((reason: unknown) => reason);
    expect(lineOf(error)).toBe(line);
  });

  it('a file that may not be read', () => {
    const error = Object.assign(new Error("EACCES: permission denied, open 'plan.json'"), {
      code: 'EACCES',
      path: 'plan.json',
    });
    expect(lineOf(error)).toBe('plan.json: permission denied');
  });
});

describe('arguments that are misspelt', () => {
  it.each([
    [['prun'], "unknown command 'prun'; did you mean prune?"],
    [['gc'], "unknown command 'gc'; see registry-prune --help"],
    [['prune', '--dry-rn'], "unknown option '--dry-rn'; did you mean --dry-run?"],
    [['prune', '--colour'], "unknown option '--colour'; see registry-prune prune --help"],
    [['restore'], "missing required argument 'runId'; see registry-prune restore --help"],
    [['runs', 'show'], "missing required argument 'runId'; see registry-prune runs show --help"],
  ])('%j', async (args, line) => {
    expect(await runCli(args, env)).toEqual({
      code: EXIT.usage,
      stdout: '',
      stderr: `registry-prune: ${line}\n`,
    });
  });
});
