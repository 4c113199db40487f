import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { buttonOf, wholeText } from '../../sandbox/people.ts';
import { keyOf, type PipelineSandbox, pipeline, startPipeline } from '../support/rigs/pipelines.ts';

const WIDE = {
  latencyMs: 5,
  quotas: { novaLiteCrossRegionRequestsPerMinute: 60_000, novaLiteCrossRegionTokensPerMinute: 400_000_000 },
  concurrency: { account: 10_000, unreserved: 10_000 },
};

let here: PipelineSandbox;
beforeEach(async () => {
  here = await startPipeline({ images: 100, settings: { SAMPLE_IMAGES: '0' } });
  await here.world.set(WIDE);
});
afterEach(() => here.close());

const bucketSchema = z.looseObject({ objects: z.array(z.looseObject({ key: z.string() })) });
async function imageKeys(): Promise<string[]> {
  const bucket = bucketSchema.parse(await (await fetch(`${here.sandbox.aws?.url}/sandbox/bucket?limit=1000`)).json());
  return bucket.objects
    .map(({ key }) => key)
    .filter((key) => /\.(png|jpe?g)$/i.test(key) && !/^(quicksight-data|dictionaries)\//.test(key));
}

async function startPlanned(runId: string): Promise<void> {
  const preview = await here.people.sees(new RegExp(`Rescan ${runId} would invoke`));
  await here.people.click('operator', preview.ts, buttonOf(preview, /plan_start/));
}

describe('results of a run', () => {
  test('a run with three kinds of failure ends with a report, charts and a CSV, and a retry of one kind clears it', async () => {
    const keys = await imageKeys();
    const [textract, parsing, timeout] = [keys.slice(3, 6), keys.slice(20, 22), keys.slice(40, 42)];
    const failing = (images: string[], kind: string) => images.map((match) => ({ rate: 1, kind, match }));
    await here.world.set({
      failures: [...failing(textract, 'textract'), ...failing(parsing, 'parsing'), ...failing(timeout, 'timeout')],
      logger: 'works',
    });
    await here.people.command('operator', '/rescan start keep pace=3000');
    await startPlanned('r-0001');
    const report = await here.people.sees(/Report of Rescan r-0001: all 100 images are done, 7 of them failed/);
    const types = report.blocks.map(({ type }) => type);
    expect(types.filter((type) => type === 'data_visualization')).toHaveLength(2);
    expect(wholeText(report)).toMatch(/forecast/);

    const csv = await here.people.file(/failed-images\.csv/);
    const lines = csv.trimEnd().split('\r\n');
    expect(lines[0]).toMatch(/^ImageKey,FailureTimestamp,FailureType,ErrorMessage,ErrorCode,OCRVersion,/);
    expect(lines.filter((line) => line.includes('TEXTRACT_ERROR'))).toHaveLength(3);
    expect(lines.filter((line) => line.includes('TIMEOUT_ERROR'))).toHaveLength(2);

    await here.people.command('operator', '/rescan failures');
    const failures = await here.people.sees(/7 images failed: 3 TEXTRACT_ERROR, 2 PARSING_ERROR, 2 TIMEOUT_ERROR/);
    expect(failures.blocks.map(({ type }) => type)).toContain('table');

    await here.world.set({ failures: [...failing(parsing, 'parsing'), ...failing(timeout, 'timeout')] });
    await here.people.click('operator', failures.ts, 'failures_retry');
    const preview = await here.people.sees(/Rescan r-0002 would invoke the function for 3 images/);
    expect(wholeText(preview)).toMatch(/attempt 2 at images of `r-0001`/);
    await startPlanned('r-0002');
    await here.people.sees(/Rescan r-0002 is complete: 3 of 3/);
    await here.people.command('viewer', '/rescan failures');
    await here.people.sees(/4 images failed: 2 PARSING_ERROR, 2 TIMEOUT_ERROR/);

    await here.people.command('viewer', '/rescan validate');
    const verdict = await here.people.sees(/Validation of r-0002/);
    expect(wholeText(verdict)).toMatch(/4 images failed/);
    expect(wholeText(verdict)).not.toMatch(/without an outcome/);
    expect(wholeText(verdict)).toContain(pipeline.entries);
    await here.people.command('viewer', '/rescan export run r-0001');
    const run = await here.people.file(/^r-0001\.csv/);
    expect(run.trimEnd().split('\r\n')).toHaveLength(101);
    await here.people.command('viewer', '/rescan status chart');
    await here.people.sees(/Rescan r-0002 over time/);
    await here.people.command('viewer', '/rescan diagnose');
    await here.people.sees(/Diagnosis of Rescan r-0002/);
    await here.people.command('viewer', `/rescan logs errors`);
    await here.people.sees(/in the function’s log, \d+ with errors/);
  });

  test('the diff lists a hand-made correction that the flush deleted, and diff restore writes it back', async () => {
    const byHand = keyOf(pipeline.byHand);
    await here.putByHand();
    await here.people.command('operator', '/rescan backup');
    await here.people.sees(/is done and verified/);
    await here.people.command('approver', '/rescan override test-logging because this is about the diff');
    await here.people.command('operator', '/rescan quotas');
    await here.people.sees(/No limit blocks|images a minute/);
    await here.people.command('operator', '/rescan flush');
    const form = await here.people.openView('operator', /confirm_action/);
    await here.people.submit('operator', form, { table_name: pipeline.table, keep: 'delete' });
    const asked = await here.people.sees(/Approval needed: flush/);
    await here.people.click('approver', asked.ts, buttonOf(asked, /approve/));
    await here.people.sees(/The flush is done/);
    await here.people.command('operator', '/rescan start pace=3000');
    await startPlanned('r-0001');
    await here.people.sees(/Rescan r-0001 is complete/);

    await here.people.command('operator', '/rescan diff');
    const diff = await here.people.sees(/Compared with backup .*: 1 removed, 0 changed/);
    expect(wholeText(diff)).toMatch(/ha(?:s|ve) no image/);
    expect(wholeText(diff)).toContain(byHand.at(-1));
    expect(await here.people.file(/^diff\.csv/)).toMatch(
      new RegExp(`^removed,[g-z]{16},entry,${byHand.join(',')},`, 'm'),
    );

    await here.people.click('operator', diff.ts, 'diff_put_back');
    const choose = await here.people.openView('operator', /restore_rows/);
    const [, id] = /removed,([g-z]{16}),/.exec(await here.people.file(/^diff\.csv/)) ?? [];
    await here.people.submit('operator', choose, { entries: [id] });
    const again = await here.people.sees(/restore 1 record of backup/);
    await here.people.click('approver', again.ts, buttonOf(again, /approve/));
    await here.people.sees(/1 record of the backup is back in the table/);
    await here.people.command('viewer', '/rescan validate person="Nik Coultas"');
    const person = await here.people.sees(/`Nik[_ ]Coultas`: /);
    expect(wholeText(person)).toMatch(/0 removed|no difference/);
  });
});
