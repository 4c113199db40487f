import { afterEach, describe, expect, test } from 'vitest';
import { buttonOf, wholeText } from '../../sandbox/people.ts';
import type { SandboxOptions } from '../../sandbox/sandbox.ts';
import { type PipelineSandbox, pipeline, startPipeline } from '../support/rigs/pipelines.ts';

type PipelineOptions = NonNullable<SandboxOptions['pipeline']>;

let here: PipelineSandbox;
afterEach(() => here.close());

/** The timesheets in a table with other names, or the invoices. */
const PIPELINES: readonly (readonly [keys: string, pipeline: PipelineOptions])[] = pipeline.sandbox.pipeline
  ? [[pipeline.keys.join(' and '), pipeline.sandbox.pipeline]]
  : [
      [
        'a hash and a range key',
        { table: 'hours_prod.v2', functionName: 'hours-ocr', keys: { hash: 'Employee', range: 'Slot' } },
      ],
      ['a hash key only', { table: 'hours_prod.v2', functionName: 'hours-ocr', keys: { hash: 'Id' } }],
    ];

describe('a pipeline of another team', () => {
  test.each(PIPELINES)(
    'the whole checklist works on a table with the key %s, and its results are right',
    {
      timeout: 600_000,
    },
    async (_, options) => {
      here = await startPipeline({
        images: 60,
        seedTable: 'full',
        pipeline: options,
        settings: { PACE: '3000', GROWTH_WARN_MINUTES: '0.2', GROWTH_TRIP_MINUTES: '0.4' },
      });
      await here.world.set({
        latencyMs: 5,
        quotas: { novaLiteCrossRegionRequestsPerMinute: 6_000, novaLiteCrossRegionTokensPerMinute: 40_000_000 },
      });
      await here.people.command('operator', '/rescan autopilot');
      const plan = await here.people.sees(/The autopilot would do the whole rescan: 60 images/);
      await here.people.click('operator', plan.ts, buttonOf(plan, /autopilot_start/));
      const asked = await here.people.sees(new RegExp(`Approval needed: flush of \`${options.table}\``));
      await here.people.click('approver', asked.ts, buttonOf(asked, /approve/));
      await here.people.sees(/The autopilot has finished\. Rescan r-0001: 60 of 60 done/);
      const texts = (await here.people.messages()).map((message) => wholeText(message));
      expect(
        texts.filter((text) => /ValidationException|does not match the schema|has not grown|trip/.test(text)),
      ).toEqual([]);

      // The three entries that were corrected by hand are gone, and nothing else is removed or added.
      await here.people.command('operator', '/rescan diff');
      const diff = await here.people.sees(/Compared with backup .*: 3 removed, \d+ changed, 0 added/);
      await here.people.file(/^diff\.csv/);
      await here.people.click('operator', diff.ts, 'diff_put_back');
      const form = await here.people.openView('operator', /restore_rows/);
      await here.people.submit('operator', form, { which: 'by-hand' });
      const again = await here.people.sees(/restore 3 records of backup/);
      await here.people.click('approver', again.ts, buttonOf(again, /approve/));
      await here.people.sees(/3 records of the backup are back in the table/);

      // A failed image leaves a record with the real key, and a retry removes it.
      await here.world.set({ failures: [{ rate: 1, kind: 'textract' }] });
      await here.people.command('operator', '/rescan start keep sample=3 pace=3000');
      const preview = await here.people.sees(/Rescan r-0002 would invoke the function for 3 images/);
      await here.people.click('operator', preview.ts, buttonOf(preview, /plan_start/));
      await here.people.sees(/Report of Rescan r-0002/);
      await here.people.command('viewer', '/rescan failures');
      await here.people.sees(/3 images failed: 3 TEXTRACT_ERROR/);
      expect((await here.counts()).failed).toBe(3);
    },
  );
});
