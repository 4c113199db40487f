import { describe, expect, test } from 'vitest';
import type { Validation } from '../../../../src/checklist/contracts/result-control.ts';
import { TIMESHEETS } from '../../../../src/pipeline/profile/timesheets.ts';
import type { DiffEntry } from '../../../../src/results/diff/diff-entry.ts';
import { createReconcileTotals } from '../../../../src/results/reconcile/reconcile-totals.ts';
import type { Finding } from '../../../../src/results/report/diagnosis.ts';
import type { PersonComparison } from '../../../../src/results/report/people.ts';
import type { RunReport } from '../../../../src/results/report/run-report.ts';
import { judgeValidation, type ValidationFacts } from '../../../../src/results/report/validation.ts';
import { withinLimits } from '../../../../src/slack/messages/kit/limits.ts';
import type { Message } from '../../../../src/slack/messages/kit/message.ts';
import { diagnosisMessage } from '../../../../src/slack/messages/results/diagnosis-message.ts';
import { diffMessage } from '../../../../src/slack/messages/results/diff-message.ts';
import { chartMessage, reportMessage } from '../../../../src/slack/messages/results/report-message.ts';
import { validationMessage } from '../../../../src/slack/messages/results/validation-message.ts';
import { runSnapshot } from '../../../support/memory/scripted-run-control.ts';
import { causeTotals, diffFound } from '../../../support/messages/result-builders.ts';
import { backupRecord, NOW } from '../../../support/messages/table-builders.ts';

const lines = ({ text }: Message) => text.split('\n');
const buttonsIn = ({ blocks }: Message) =>
  [...JSON.stringify(blocks).matchAll(/"action_id":"([^"]+)"/g)].map((match) => match[1]);
const HOSTILE = '<!channel> `x`\n"a,b"=1';

const counts = { entry: 20, 'zero-hour': 1, rejected: 2, coverage: 3, failed: 0, total: 26 };
const clean = createReconcileTotals().totals();
const person = (changes: Partial<PersonComparison> = {}): PersonComparison => ({
  person: 'Nik_Coultas',
  before: { entries: 3, withHours: 3, hours: '22.5' },
  after: { entries: 3, withHours: 3, hours: '22.5' },
  same: 3,
  removed: 0,
  added: 0,
  changed: 0,
  changes: [],
  ...changes,
});
function validation(
  changes: Partial<Validation> &
    Pick<ValidationFacts, 'sharedWeeks'> & { reconciledCounts?: Partial<typeof clean.counts> } = {},
): Validation {
  const { reconciledCounts, ...more } = changes;
  const about = {
    now: counts,
    profile: TIMESHEETS,
    backup: { ...backupRecord(), counts },
    people: [person()],
    reconciled: { ...clean, images: 9, counts: { ...clean.counts, 'processed-with-rows': 9, ...reconciledCounts } },
    runState: 'completed' as const,
    ...more,
  };
  return { ...about, ...judgeValidation(about), runIds: ['r-0001'], images: [], seed: 7, ...more };
}

describe('a validation says', () => {
  test('its verdict in the first line, and what it rests on below', () => {
    const [first, ...rest] = lines(validationMessage(validation(), NOW));
    expect(first).toBe(':white_check_mark: Validation of r-0001: every image is accounted for.');
    expect(rest[0]).toBe('9 images in the run: 9 processed and in the table.');
    expect(rest.join('\n')).toMatch(/1 person drawn at random \(seed 7\) from backup/);
  });

  test('a validation counts every image of the run exactly once', () => {
    const some = {
      ...clean,
      images: 21,
      counts: {
        ...clean.counts,
        'processed-with-rows': 6,
        'processed-without-rows': 6,
        'rejected-with-record': 2,
        'rejected-without-record': 1,
        'failed-with-record': 1,
        'failed-without-record': 2,
        neither: 1,
        'rows-without-outcome': 2,
      },
      processedWithoutRows: { 'nothing-stored': 1, missing: 2, unclear: 3 },
    };
    const { text } = validationMessage(validation({ reconciled: some }), NOW);
    const [, parts = ''] = /21 images in the run: (.*)\./.exec(text) ?? [];
    expect(parts).toBe(
      '6 processed and in the table, 1 processed with nothing to store, 5 processed without records of their own, 3 rejected, 3 failed, 3 without an outcome',
    );
    const sum = [...parts.matchAll(/(\d+) /g)].reduce((all, [, n]) => all + Number(n), 0);
    expect(sum).toBe(21);
  });

  test('a validation of an open run reports no loss and offers to resume, not to retry', () => {
    const message = validationMessage(validation({ runState: 'tripped', reconciledCounts: { neither: 4 } }), NOW);
    expect(lines(message)[0]).toBe(
      ':hourglass_flowing_sand: Validation of r-0001: the run has not ended, so nothing is certain yet.',
    );
    expect(message.text).toMatch(/\*4 images without an outcome\*: the run has not processed them yet/);
    expect(buttonsIn(message)).toEqual(['run_resume']);
    expect(buttonsIn(validationMessage(validation({ runState: 'running' }), NOW))).toEqual([]);
  });

  test('a validation of a closed run offers to run the missing image again', () => {
    const message = validationMessage(validation({ reconciledCounts: { neither: 1 } }), NOW);
    expect(lines(message)[0]).toBe(':x: Validation of r-0001: 1 image has no outcome.');
    expect(buttonsIn(message)).toEqual(['failures_retry']);
  });

  test('a validation reports images without records and missing entries as a loss, with a button that runs these images again', () => {
    const message = validationMessage(
      validation({
        verdict: 'bad',
        runState: 'completed',
        problems: [
          { kind: 'rows-unclear', images: 54, weight: 'proof' },
          { kind: 'fewer-entries', entries: 165, before: 757, now: 592, weight: 'proof' },
        ],
      }),
      NOW,
    );
    expect(lines(message)[0]).toBe(
      ':x: Validation of r-0001: 54 images were processed but have no records; the table has 165 fewer entries and zero-hour weeks than in the backup.',
    );
    expect(JSON.stringify(message.blocks)).toContain('Run these 54 again');
    expect(JSON.stringify(message.blocks)).toContain('without-rows');
  });

  test('a validation reports fewer entries, a partial run, and records that spell images differently', () => {
    const fewer = { ...backupRecord(), counts: { ...counts, entry: 32 } };
    const { text } = validationMessage(
      validation({
        backup: fewer,
        isPartial: true,
        reconciled: { ...clean, images: 9, otherSpellings: 2 },
      }),
      NOW,
    );
    expect(text).toMatch(/\*12 fewer entries and zero-hour weeks than in the backup\* \(33 → 21\)/);
    expect(text).toMatch(/covered only a part of the bucket/);
    expect(text).toMatch(/Records name 2 images in another spelling/);
    expect(text).not.toMatch(/accounted for/);
  });

  test('the weeks that hold records of two images, with the hours of each image', () => {
    const example = (person: string) => ({
      person,
      week: '2025-09-29',
      images: [{ image: 'a.png', hours: '37.5' }, { image: 'b_*.png' }],
      otherImages: 0,
    });
    const several = lines(
      validationMessage(validation({ sharedWeeks: { weeks: 3, examples: [example('Ana_Bel')] } }), NOW),
    );
    expect(several[0]).toBe(':warning: Validation of r-0001: 3 weeks hold records of more than one image.');
    expect(several[1]).toBe(
      '• *3 weeks hold records of more than one image*; their hours may be counted twice: `Ana_Bel` `2025-09-29` (`a.png` 37.5 h, `b_*.png` ? h); 2 more. Check which image is right. `/rescan start images="KEY" keep` processes only that image again; the function then replaces the records of its week.',
    );
    const one = { ...example('Ana_Bel'), otherImages: 2 };
    const { text } = validationMessage(validation({ sharedWeeks: { weeks: 1, examples: [one] } }), NOW);
    expect(text).toContain(
      '*1 week holds records of more than one image*; its hours may be counted twice: `Ana_Bel` `2025-09-29` (`a.png` 37.5 h, `b_*.png` ? h, 2 more). ',
    );
  });

  test('one person side by side', () => {
    const changes = [
      { kind: 'removed', sortKey: '2025-07-07#BY_HAND', hours: '7.5' },
      {
        kind: 'changed',
        sortKey: '2025-07-08#PJ1',
        fields: [{ name: 'Hours', before: { N: '4' }, after: { N: '7.5' } }],
      },
    ] as const;
    const one = person({ removed: 1, changed: 1, same: 1, changes });
    const { text } = validationMessage({ ...validation(), runIds: [], people: [one] }, NOW);
    expect(text).toMatch(/^`Nik_Coultas`: 1 removed, 1 changed, 0 added\./);
    expect(text).toMatch(/2025-07-07#BY_HAND.*7\.5 h.*missing/);
    expect(text).toMatch(/2025-07-08#PJ1.*Hours 4.*Hours 7\.5/);
  });
});

describe('a diff says', () => {
  const removed: DiffEntry = {
    kind: 'removed',
    id: '0123456789abcdef',
    record: 'entry',
    key: { ResourceName: { S: HOSTILE }, DateProjectCode: { S: '2025-07-07#X' } },
    item: { Hours: { N: '7.5' } },
  };
  test('a diff lists removed entries first and offers to restore them', () => {
    const message = diffMessage(diffFound({ removed: 1, removedWithoutImage: 1 }), [removed], NOW);
    expect(lines(message)[0]).toMatch(/1 removed, 0 changed, 0 added, 10 unchanged/);
    expect(message.text).toMatch(/1 removed entry has no image\*: it was made by hand/);
    expect(message.text).toContain('• removed `&lt;!channel&gt; \'x\' "a,b"=1 2025-07-07#X` · 7.5 h');
    expect(buttonsIn(message)).toEqual(['diff_put_back']);
  });
  test('a diff shows no credential of a value that changed', () => {
    const { text } = diffMessage(
      diffFound({
        changed: 1,
        byField: { top: [{ name: 'ErrorMessage', totals: 1 }], others: { names: 0, totals: 0 } },
        fieldExamples: [
          {
            name: 'ErrorMessage',
            examples: [
              { key: {}, before: { S: 'DB_PASSWORD=hunter2 refused' }, after: { L: [{ S: 'DB_PASSWORD=hunter2' }] } },
            ],
          },
        ],
      }),
      [],
      NOW,
    );
    expect(text).toContain('`DB_PASSWORD=[redacted] refused` → `{"L":[{"S":"DB_PASSWORD=[redacted]"}]}`');
  });
  test('a diff warns that a run is writing, and offers nothing then', () => {
    const openRun = { runId: 'r-0002', state: 'running' } as const;
    const message = diffMessage({ ...diffFound({ removed: 1 }), openRun }, [removed], NOW);
    expect(message.text).toMatch(/Rescan r-0002 is still writing/);
    expect(buttonsIn(message)).toEqual([]);
    const rests = diffMessage(
      { ...diffFound({ removed: 1 }), openRun: { ...openRun, state: 'tripped' } },
      [removed],
      NOW,
    );
    expect(rests.text).toMatch(/Rescan r-0002 has not finished\* \(tripped\)/);
    expect(buttonsIn(rests)).toEqual(['diff_put_back']);
  });
});

describe('a diagnosis says', () => {
  const location = { region: 'eu-west-1', functionName: 'ocr fn' };
  const throttled: Finding = {
    kind: 'throttling',
    throttling: { source: 'bedrock', times: 40 },
    weight: 0.7,
    remedies: [{ kind: 'slower' }, { kind: 'raise-quota', service: 'bedrock', quota: 'q' }],
  };
  const said = (findings: Finding[], more: Partial<Parameters<typeof diagnosisMessage>[0]> = {}) =>
    diagnosisMessage({ findings, unread: [], location, until: NOW - 600_000, ...more }, NOW);

  test('a diagnosis lists the most important finding first, with the console of the right region', () => {
    const message = said([throttled]);
    expect(lines(message)[0]).toBe('Diagnosis: Bedrock throttled model calls.');
    expect(message.text).toContain(
      'https://eu-west-1.console.aws.amazon.com/servicequotas/home/services/bedrock/quotas',
    );
    const china = said([throttled], { location: { ...location, region: 'cn-north-1' } });
    expect(china.text).toContain('https://cn-north-1.console.amazonaws.cn/');
    const slow: Finding = {
      kind: 'near-timeout',
      mostMs: 59_000,
      timeoutMs: 60_000,
      timedOut: 2,
      weight: 0.5,
      remedies: [{ kind: 'raise-timeout' }],
    };
    expect(said([slow]).text).toContain('/lambda/home?region=eu-west-1#/functions/ocr%20fn?tab=configure');
  });

  test('a diagnosis names what could not be read', () => {
    const fault = {
      reason: 'access-denied',
      message: 'AWS denies <!here>.',
      fix: 'Allow cloudwatch:GetMetricData.',
    } as const;
    const message = said([{ kind: 'healthy', weight: 0, remedies: [] }], { unread: [fault] });
    expect(lines(message)[0]).toBe('Diagnosis: nothing unusual, as far as the bot can read.');
    expect(message.text).toMatch(/Not checked: AWS denies &lt;!here&gt;\. Allow cloudwatch:GetMetricData\./);
  });

  test('says that CloudWatch is some minutes behind when the problem is recent', () => {
    expect(said([throttled], { until: NOW - 1_000 }).text).toMatch(/CloudWatch is some minutes behind/);
    expect(said([throttled]).text).not.toMatch(/minutes behind/);
  });

  test('a diagnosis offers Slower and Resume for a resumable run, and Retry for a finished one', () => {
    const trippedBy = { kind: 'consecutive-failures', failures: 10 } as const;
    const cause: Finding = {
      kind: 'main-cause',
      cause: causeTotals({ example: HOSTILE }),
      share: 1,
      weight: 1,
      remedies: [{ kind: 'retry-cause', causeId: '1a2b3c4d5e', images: 3 }],
    };
    const tripped = runSnapshot({ state: { kind: 'tripped', trippedBy } });
    expect(buttonsIn(said([cause, throttled], { run: tripped }))).toEqual([
      'run_slower',
      'run_resume',
      'failures_show',
    ]);
    const over = runSnapshot({ state: { kind: 'completed' } });
    const message = said([cause], { run: over });
    expect(buttonsIn(message)).toEqual(['failures_retry', 'failures_show']);
    expect(message.text).not.toContain('<!channel>');
  });
});

describe('a report says', () => {
  const report: RunReport = {
    intervals: [{ from: 0, to: 60_000, images: 9, failed: 1, entries: 20 }],
    slowest: [{ key: HOSTILE, durationMs: 9_000 }],
    largest: [{ key: 'big.png', bytes: 3_400_000 }],
    failedByType: {},
    images: 9,
    failed: 1,
  };
  const causes = {
    top: Array.from({ length: 6 }, (_, at) => ({
      name: `c${at}`,
      totals: causeTotals({ images: 6 - at, example: `${HOSTILE} ${at}` }),
    })),
    others: { names: 2, totals: causeTotals({ images: 5 }) },
  };
  const totals = { ...runSnapshot().totals, processed: 1_390, rejected: 8, failed: 0 };
  const about = { expected: { ms: 3_000_000, costUsd: 2 }, causes };

  test('a report shows verdict, totals, forecast, slowest and largest images and causes within Slack’s limits', () => {
    const run = runSnapshot({
      total: 1_398,
      state: { kind: 'completed' },
      totals: { ...totals, processed: 1_366, failed: 24 },
    });
    const message = reportMessage(run, report, about);
    expect(lines(message)[0]).toBe(':warning: Report of Rescan r-0142: all 1,398 images are done, 24 of them failed.');
    expect(message.text).toMatch(/1,366 processed, 8 rejected, 24 failed \(1 %\)/);
    expect(message.text).toMatch(/• 8 with other causes/);
    expect(message.text).toMatch(/13 min; forecast 50 min/);
    expect(message.text).toMatch(/Largest: `big.png` 3.4 MB/);
    expect(message.text).not.toContain('<!channel>');
    expect(buttonsIn(message)).toEqual(['failures_show', 'failures_retry']);
    const { blocks, plain } = withinLimits(message);
    expect(blocks.filter(({ type }) => type === 'data_visualization')).toHaveLength(2);
    expect(plain?.some(({ type }) => type === 'data_visualization')).toBe(false);
  });

  test('the report says that all images are done only when they are', () => {
    const completed = runSnapshot({ total: 1_398, state: { kind: 'completed' }, totals });
    expect(lines(reportMessage(completed, report, about))[0]).toBe(
      ':white_check_mark: Report of Rescan r-0142: all 1,398 images are done, none failed.',
    );
    const short = runSnapshot({ total: 1_399, state: { kind: 'completed' }, totals });
    expect(lines(reportMessage(short, report, about))[0]).toMatch(/^:warning: .*1 of 1,399 images has no outcome/);
  });

  test('a report says that the table did not grow although every image was answered', () => {
    const run = runSnapshot({
      state: { kind: 'completed' },
      total: 412,
      totals: { ...runSnapshot().totals, processed: 404, failed: 0, failedByType: {} },
      growth: { kind: 'counted', entriesAtStart: 0, entries: 0 },
    });
    const text = reportMessage(run, report, about).text;
    expect(text).toMatch(
      /^:warning: Report of Rescan r-0142: all 412 images were answered, but the table did not grow\. Run `\/rescan validate`\./,
    );
    expect(text).toContain('The function reported 1,140 entries; the table did not grow.');
  });

  test('a report of a stopped run offers no retry, because that would abandon the run', () => {
    const stopped = runSnapshot({
      total: 1_398,
      state: { kind: 'stopped', by: { kind: 'person', by: 'U0OPERATOR' } },
      totals: { ...totals, processed: 380, failed: 24 },
    });
    const message = reportMessage(stopped, report, about);
    expect(lines(message)[0]).toBe(
      ':warning: Report of Rescan r-0142: it was stopped by <@U0OPERATOR>; 412 of 1,398 images are done, 24 of them failed.',
    );
    expect(message.text).toMatch(/`\/rescan resume` continues the run/);
    expect(buttonsIn(message)).toEqual(['failures_show']);
  });

  test('of a run without an outcome there is no chart, and that is said', () => {
    expect(chartMessage('r-0001', { ...report, intervals: [] }).text).toMatch(
      /has no outcomes yet, so there is no chart/,
    );
  });
});
