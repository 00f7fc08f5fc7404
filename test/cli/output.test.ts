import { expect, it } from 'vitest';
import { reportText } from '../../cli/output.ts';
import { image } from '../support/images.ts';
import { World } from '../support/world.ts';

it('says when what a run deletes was last pulled, where that is known', async () => {
  const report = await new World().prune({ mode: 'offline', dryRun: true });
  const [{ digest: used }, { digest: unused }] = [image('used'), image('unused')];
  const lastPulledAt = '2026-02-01T08:00:00.000Z';
  const text = reportText({
    ...report,
    imagesDeleted: [
      { untagged: 'app:v1', lastPulledAt },
      { deleted: used, lastPulledAt },
      { untagged: 'app:v2' },
      { deleted: unused },
    ],
  });
  expect(text.split('\n').slice(0, 4)).toEqual([
    `untagged: app:v1 (last pulled ${lastPulledAt})`,
    `deleted: ${used} (last pulled ${lastPulledAt})`,
    'untagged: app:v2',
    `deleted: ${unused}`,
  ]);
});
