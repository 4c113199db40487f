import { expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { createAwsClients } from '../../../src/pipeline/aws.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { scanTable } from '../../../src/pipeline/table/scan.ts';
import { reconcile } from '../../../src/results/reconcile/reconcile.ts';
import { readManifest, readManifestIndex } from '../../../src/run/plan/manifest.ts';
import { createRunStore } from '../../../src/run/store/run-store.ts';
import { readSettings } from '../../../src/settings.ts';
import { openControlTable } from '../../../src/state/table/control-table.ts';
import { PIPELINE_KEYS } from '../../support/aws/pipeline-keys.ts';
import { startRunsRig } from '../../support/rigs/runs-rig.ts';
import { folder, inOneFolder } from './reconcile-rig.ts';

inOneFolder();

test('a reconciliation of a real run and its table accounts for every image', async () => {
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
    const location = { bucket: settings.controlBucket, prefix: `${settings.controlPrefix}runs/${runId}/manifest/` };
    const index = await readManifestIndex(clients.s3, location);
    const found = await reconcile(
      {
        manifest: readManifest(clients.s3, location, index),
        journal: createRunStore(table, settings.ocrFunction, TIMESHEETS.reply).journal(runId, -1),
        rows: scanTable(clients.bulkDynamodb, settings.table, { segments: 6 }),
      },
      { ...(snapshot.startedAt !== undefined && { startedAt: snapshot.startedAt }), folder, keys: PIPELINE_KEYS },
    );
    const { totals } = found;
    const { counts } = totals;
    await found.dispose();
    expect(totals.images).toBe(40);
    expect(counts['processed-with-rows'] + counts['processed-without-rows']).toBe(snapshot.totals.processed);
    expect(counts['rejected-with-record'] + counts['rejected-without-record']).toBe(snapshot.totals.rejected);
    expect(counts['rejected-with-record']).toBeGreaterThan(0);
    expect(totals.processedWithoutRows.missing).toBe(0);
    expect(counts.neither + counts['rows-without-outcome'] + counts['outcome-not-in-manifest']).toBe(0);
    expect(counts['processed-with-rows']).toBeGreaterThan(20);
  } finally {
    await rig.close();
  }
});
