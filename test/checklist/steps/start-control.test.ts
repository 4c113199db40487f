import { beforeEach, describe, expect, test } from 'vitest';
import type { StartControl } from '../../../src/checklist/contracts/start-control.ts';
import type { PreconditionCheck } from '../../../src/checklist/model/preconditions.ts';
import { createStartControl } from '../../../src/checklist/steps/start-control.ts';
import type { RunSnapshot } from '../../../src/run/model/types.ts';
import { ControlTableError } from '../../../src/state/control-table.ts';
import { createMemoryAudit, type MemoryAudit } from '../../support/memory-audit.ts';
import {
  createScriptedRunControl,
  runPlan,
  runSnapshot,
  type ScriptedRunControl,
} from '../../support/scripted-run-control.ts';

const REQUEST = { selection: {}, paceSetting: { kind: 'auto' }, by: 'U1', location: { channel: 'C1' } } as const;
const unmet = [{ reason: 'not-flushed', fix: 'flush' }] as const;

let runs: ScriptedRunControl;
let asked: { step: string; keep: boolean | undefined }[];
let kept: string[];
let audit: MemoryAudit;
let flushed: boolean;
beforeEach(() => {
  runs = createScriptedRunControl();
  asked = [];
  kept = [];
  audit = createMemoryAudit();
  flushed = false;
});

/** `keep` of plans is the runs' to remember: here it is given. */
function startsWith(
  change: { planKeep?: boolean; isPartial?: boolean; isRetry?: boolean; lastRun?: RunSnapshot } = {},
): StartControl {
  return createStartControl(
    {
      plan: runs.plan,
      async readPlan(runId) {
        const plan = await runs.readPlan(runId);
        return (
          plan && {
            ...plan,
            ...(change.planKeep === undefined ? {} : { keep: change.planKeep }),
            ...(change.isRetry ? { selection: { retry: { of: 'r-0001', what: 'all', attempt: 2 } } } : {}),
          }
        );
      },
      async start(...request) {
        const started = await runs.start(...request);
        return started.ok && change.isPartial ? { ok: true, value: { ...started.value, isPartial: true } } : started;
      },
      resume: runs.resume,
      current: async () => change.lastRun,
    },
    {
      async preconditions(step, { keep } = {}): Promise<PreconditionCheck> {
        asked.push({ step, keep });
        return flushed || keep ? { kind: 'pass', overridden: [] } : { kind: 'refuse', unmet: [...unmet] };
      },
      async keepRecords(by) {
        kept.push(by);
      },
    },
    audit,
  );
}
const refusal = { ok: false, refusal: { reason: 'preconditions', step: 'start', unmet } };

describe('a run', () => {
  test('is neither planned nor started before the flush of its rescan', async () => {
    expect(await startsWith().plan(REQUEST)).toEqual(refusal);
    expect(runs.calls).toEqual([]);
  });

  test('is planned and started after it', async () => {
    flushed = true;
    const starts = startsWith();
    const planned = await starts.plan(REQUEST);
    expect(planned).toMatchObject({ ok: true, value: { runId: 'r-0142' } });
    expect(await starts.start('r-0142', 'U1', { location: { channel: 'C1' } })).toMatchObject({ ok: true });
    expect(runs.calls).toEqual(['plan by U1', 'start r-0142 by U1']);
    expect(kept).toEqual([]);
  });

  test('over failed images is not started once another was started after it was planned', async () => {
    const { plannedAt } = runPlan();
    const lastRun = (at: number) => runSnapshot({ runId: 'r-0143', startedAt: plannedAt + at });
    const about = { planKeep: true, isPartial: true };
    const start = async (change: Parameters<typeof startsWith>[0]) => {
      runs = createScriptedRunControl();
      const starts = startsWith({ ...about, ...change });
      await starts.plan({ ...REQUEST, keep: true });
      return starts.start('r-0142', 'U1', { location: { channel: 'C1' } });
    };
    expect(await start({ isRetry: true, lastRun: lastRun(1) })).toMatchObject({
      ok: false,
      refusal: { reason: 'retry-stale', run: { runId: 'r-0143' } },
    });
    expect(runs.calls).toEqual(['plan by U1']);
    expect(await start({ isRetry: true, lastRun: lastRun(-1) })).toMatchObject({ ok: true });
    expect(await start({ lastRun: lastRun(1) })).toMatchObject({ ok: true });
  });

  test('that was planned is not started where the gate has closed since', async () => {
    flushed = true;
    const starts = startsWith();
    await starts.plan(REQUEST);
    flushed = false;
    expect(await starts.start('r-0142', 'U1', { location: { channel: 'C1' } })).toEqual(refusal);
    expect(runs.calls).toEqual(['plan by U1']);
  });

  test('without a flush is planned where keep is said, and the rescan keeps what the table holds once it starts', async () => {
    const starts = startsWith({ planKeep: true });
    expect(await starts.plan({ ...REQUEST, keep: true })).toMatchObject({ ok: true });
    expect(kept).toEqual([]);
    expect(await starts.start('r-0142', 'U2', { location: { channel: 'C1' } })).toMatchObject({ ok: true });
    expect(kept).toEqual(['U2']);
    expect(asked).toEqual([
      { step: 'start', keep: true },
      { step: 'start', keep: true },
    ]);
  });

  test('goes by what its plan said of keep, not by what was said for another', async () => {
    const starts = startsWith({ planKeep: false });
    await starts.plan({ ...REQUEST, keep: true });
    expect(await starts.start('r-0142', 'U1', { location: { channel: 'C1' } })).toEqual(refusal);
    expect(kept).toEqual([]);
  });

  test('of some images only does not pass the flush of the whole rescan over', async () => {
    const starts = startsWith({ planKeep: true, isPartial: true });
    await starts.plan({ ...REQUEST, keep: true });
    expect(await starts.start('r-0142', 'U1', { location: { channel: 'C1' } })).toMatchObject({ ok: true });
    expect(kept).toEqual([]);
  });

  test('that the runs refuse to start leaves the flush where it was', async () => {
    const paused = { kind: 'paused', because: { kind: 'person', by: 'U9' } } as const;
    runs = createScriptedRunControl({ firstRun: runSnapshot({ runId: 'r-0001', state: paused }) });
    const starts = startsWith({ planKeep: true });
    await starts.plan({ ...REQUEST, keep: true });
    expect(await starts.start('r-0142', 'U1', { location: { channel: 'C1' } })).toMatchObject({
      ok: false,
      refusal: { reason: 'run-open' },
    });
    expect(kept).toEqual([]);
  });

  test('whose plan is gone is refused in the words of the runs, whatever the gate says', async () => {
    expect(await startsWith().start('r-0001', 'U1', { location: { channel: 'C1' } })).toEqual({
      ok: false,
      refusal: { reason: 'plan-gone', runId: 'r-0001' },
    });
    expect(asked).toEqual([]);
  });

  test('that another one is in the way of is refused in the words of the runs', async () => {
    flushed = true;
    runs.refuseNextPlan({ reason: 'run-active', run: runSnapshot() });
    expect(await startsWith().plan(REQUEST)).toMatchObject({ ok: false, refusal: { reason: 'run-active' } });
  });

  test('is in the audit before it is started, and not started where it cannot be', async () => {
    flushed = true;
    const starts = startsWith();
    await starts.plan(REQUEST);
    audit.fail(
      new ControlTableError({ reason: 'control-table', message: 'The control table does not answer.', fix: '' }, 0),
    );
    expect(await starts.start('r-0142', 'U1', { location: { channel: 'C1' } })).toMatchObject({
      refusal: { reason: 'fault', fault: { message: 'The control table does not answer.' } },
    });
    expect(runs.calls).toEqual(['plan by U1']);
    audit.fail(undefined);
    await starts.start('r-0142', 'U1', { location: { channel: 'C1' } });
    expect(audit.written).toMatchObject([{ who: 'U1', what: 'run r-0142' }]);
  });

  test('is not resumed where the checklist does not let it', async () => {
    const refused = await startsWith().resume('U1');
    expect(refused).toEqual({ ok: false, refusal: { reason: 'preconditions', step: 'resume', unmet } });
    expect(runs.calls).toEqual([]);
  });
});
