import { expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { createAwsClients } from '../../../src/pipeline/aws.ts';
import { reconcileRun } from '../../../src/results/reconcile/reconcile.ts';
import { createRunStore } from '../../../src/run/store/run-store.ts';
import { readSettings } from '../../../src/settings.ts';
import { openControlTable } from '../../../src/state/control-table.ts';
import { startRunsRig } from '../../support/runs-rig.ts';
import { folder, inOneFolder } from './reconcile-rig.ts';

inOneFolder();

test('a run on record and its table agree', async () => {
  const rig = await startRunsRig({ images: 40 });
  try {
    const bot = await rig.copy();
    const runId = await rig.start(bot);
    const { snapshot } = await bot.listensTo('completed');
    const settings = readSettings({ SLACK_BOT_TOKEN: 'xoxb-1', SLACK_APP_TOKEN: 'xapp-1', SLACK_CHANNELS: 'C01' });
    const clients = createAwsClients();
    const table = await openControlTable({
      dynamodb: clients.dynamodb,
      tableName: settings.controlTable,
      clock: systemClock,
    });
    const found = await reconcileRun(
      { dynamodb: clients.dynamodb, s3: clients.s3, store: createRunStore(table, settings.ocrFunction) },
      {
        runId,
        manifest: { bucket: settings.controlBucket, prefix: `${settings.controlPrefix}runs/${runId}/manifest/` },
        table: settings.table,
        ...(snapshot.startedAt !== undefined && { startedAt: snapshot.startedAt }),
        folder,
      },
    );
    const { totals } = found;
    const { counts } = totals;
    await found.dispose();
    expect(totals.images).toBe(40);
    expect(counts['processed-with-rows'] + counts['processed-without-rows']).toBe(snapshot.totals.processed);
    expect(counts['rejected-with-record'] + counts['rejected-without-record']).toBe(snapshot.totals.rejected);
    expect(counts['rejected-with-record']).toBeGreaterThan(0);
    expect(totals.processedWithoutRows['person-has-no-rows']).toBe(0);
    expect(counts.neither + counts['rows-without-outcome'] + counts['outcome-not-in-manifest']).toBe(0);
    expect(counts['processed-with-rows']).toBeGreaterThan(20);
  } finally {
    await rig.close();
  }
});
