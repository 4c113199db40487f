import { beforeEach, describe, expect, test } from 'vitest';
import type { StartControl } from '../../../src/checklist/contracts/result-control.ts';
import type { PreconditionCheck } from '../../../src/checklist/model/preconditions.ts';
import { createStartControl } from '../../../src/checklist/steps/start-control.ts';
import type { RunSnapshot } from '../../../src/run/model/types.ts';
import type { Scope } from '../../../src/run/scope/scope.ts';
import { ControlTableError } from '../../../src/state/table/control-table.ts';
import { createMemoryAudit, type MemoryAudit } from '../../support/memory/memory-audit.ts';
import {
  createScriptedRunControl,
  runPlan,
  runSnapshot,
  type ScriptedRunControl,
} from '../../support/memory/scripted-run-control.ts';
import { scopeFound } from '../../support/messages/checklist-builders.ts';

const scopeOf = (criteria: Scope['criteria']): Scope => scopeFound({ criteria });
const REQUEST = { selection: {}, paceSetting: { kind: 'auto' }, by: 'U1', location: { channel: 'C1' } } as const;
const unmet = [{ reason: 'not-flushed', fix: 'flush' }] as const;

let runs: ScriptedRunControl;
let asked: { step: string; keep: boolean | undefined }[];
let audit: MemoryAudit;
let flushed: boolean;
/** The scope of the checklist. */
let scope: Scope | undefined;
async function* imagesOf(id: string) {
  yield { index: 0, key: `${id}.png`, size: 1 };
}
beforeEach(() => {
  runs = createScriptedRunControl();
  asked = [];
  audit = createMemoryAudit();
  flushed = false;
  scope = undefined;
});

/** The run control stores `keep` of a plan; here it is an argument. */
function startsWith(
  change: { planKeep?: boolean; isRetry?: boolean; lastRun?: RunSnapshot; planAgeMs?: number } = {},
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
      start: runs.start,
      resume: runs.resume,
      knownHalts: runs.knownHalts,
      current: async () => change.lastRun,
    },
    {
      async preconditions(step, { keep } = {}): Promise<PreconditionCheck> {
        asked.push({ step, keep });
        return flushed || keep
          ? { kind: 'pass', overridden: [] }
          : { kind: 'refuse', unmet: [...unmet], overridden: [] };
      },
      scope: async () => scope,
    },
    audit,
    { images: (of) => imagesOf(of.id) },
    { now: () => runPlan().plannedAt + (change.planAgeMs ?? 60_000) },
  );
}
const refusal = { ok: false, refusal: { reason: 'preconditions', step: 'start', unmet } };

describe('a run', () => {
  test('a run is neither planned nor started before the flush of its checklist', async () => {
    expect(await startsWith().plan(REQUEST)).toEqual(refusal);
    expect(runs.calls).toEqual([]);
  });

  test('a run is planned and started after the flush', async () => {
    flushed = true;
    const starts = startsWith();
    const planned = await starts.plan(REQUEST);
    expect(planned).toMatchObject({ ok: true, value: { runId: 'r-0142' } });
    expect(await starts.start('r-0142', 'U1', { location: { channel: 'C1' } })).toMatchObject({ ok: true });
    expect(runs.calls).toEqual(['plan by U1', 'start r-0142 by U1']);
  });

  test('a retry is not started when another run was started after it was planned', async () => {
    const { plannedAt } = runPlan();
    const lastRun = (at: number) => runSnapshot({ runId: 'r-0143', startedAt: plannedAt + at });
    const about = { planKeep: true };
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

  test.each([
    [24 * 60, true],
    [24 * 60 + 1, false],
  ])('a plan that was made %i minutes ago is started: %s', async (minutes, isStarted) => {
    flushed = true;
    const starts = startsWith({ planAgeMs: minutes * 60_000 });
    await starts.plan(REQUEST);
    const answer = await starts.start('r-0142', 'U1', { location: { channel: 'C1' } });
    expect(answer.ok ? answer.ok : answer.refusal.reason).toBe(isStarted || 'plan-outdated');
  });

  test('a planned run is not started when its preconditions are no longer met', async () => {
    flushed = true;
    const starts = startsWith();
    await starts.plan(REQUEST);
    flushed = false;
    expect(await starts.start('r-0142', 'U1', { location: { channel: 'C1' } })).toEqual(refusal);
    expect(runs.calls).toEqual(['plan by U1']);
  });

  test('a run with keep needs no flush', async () => {
    const starts = startsWith({ planKeep: true });
    expect(await starts.plan({ ...REQUEST, keep: true })).toMatchObject({ ok: true });
    expect(await starts.start('r-0142', 'U2', { location: { channel: 'C1' } })).toMatchObject({ ok: true });
    expect(asked).toEqual([
      { step: 'start', keep: true },
      { step: 'start', keep: true },
    ]);
  });

  test('the start of a run uses the keep of its own plan', async () => {
    const starts = startsWith({ planKeep: false });
    await starts.plan({ ...REQUEST, keep: true });
    expect(await starts.start('r-0142', 'U1', { location: { channel: 'C1' } })).toEqual(refusal);
  });

  test('the start of a run whose plan is gone is refused by the run control', async () => {
    expect(await startsWith().start('r-0001', 'U1', { location: { channel: 'C1' } })).toEqual({
      ok: false,
      refusal: { reason: 'plan-gone', runId: 'r-0001' },
    });
    expect(asked).toEqual([]);
  });

  test('the start of a run during another one is refused by the run control', async () => {
    flushed = true;
    runs.refuseNextPlan({ reason: 'run-active', run: runSnapshot() });
    expect(await startsWith().plan(REQUEST)).toMatchObject({ ok: false, refusal: { reason: 'run-active' } });
  });

  test('a start is in the audit log before it begins, or it does not begin', async () => {
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

  describe('when the checklist has a scope', () => {
    const ofAna: Scope = scopeOf({ people: ['Ana Bel'] });

    test('a plan without filters takes exactly its images', async () => {
      flushed = true;
      scope = ofAna;
      const planned = await startsWith().plan(REQUEST);
      expect(planned).toMatchObject({
        value: { selection: { scope: { id: ofAna.id, what: 'people Ana Bel' } } },
      });
    });

    test('a plan with a filter is refused', async () => {
      flushed = true;
      scope = ofAna;
      expect(await startsWith().plan({ ...REQUEST, selection: { limit: 5 } })).toEqual({
        ok: false,
        refusal: { reason: 'scope-filters', scope: ofAna },
      });
      expect(runs.calls).toEqual([]);
    });

    test('a plan that was made for another scope does not start', async () => {
      flushed = true;
      scope = ofAna;
      const starts = startsWith();
      await starts.plan(REQUEST);
      for (const now of [undefined, { ...ofAna, id: 's-2' }, { ...scopeOf({}), id: 's-3' }]) {
        scope = now;
        expect(await starts.start('r-0142', 'U1', { location: { channel: 'C1' } })).toMatchObject({
          refusal: { reason: 'scope-changed' },
        });
      }
      expect(runs.calls).toEqual(['plan by U1']);
    });

    test('a plan over everything does not start after a scope was set', async () => {
      flushed = true;
      const starts = startsWith();
      await starts.plan(REQUEST);
      scope = ofAna;
      expect(await starts.start('r-0142', 'U1', { location: { channel: 'C1' } })).toMatchObject({
        refusal: { reason: 'scope-changed', scope: ofAna },
      });
    });

    test('a scope of every image that can be read lists the bucket as without a scope', async () => {
      flushed = true;
      scope = scopeOf({});
      const starts = startsWith();
      expect(await starts.plan(REQUEST)).toMatchObject({ value: { selection: {} } });
      expect(await starts.start('r-0142', 'U1', { location: { channel: 'C1' } })).toMatchObject({ ok: true });
    });
  });

  test('a run is not resumed when its preconditions are not met', async () => {
    const lastRun = runSnapshot({ state: { kind: 'paused', because: { kind: 'person', by: 'U1' } } });
    const refused = await startsWith({ lastRun }).resume('U1');
    expect(refused).toEqual({ ok: false, refusal: { reason: 'preconditions', step: 'resume', unmet } });
    expect(runs.calls).toEqual([]);
  });

  test.each([[undefined], [runSnapshot({ state: { kind: 'completed' } })]])(
    'where no run is open the answer is that there is nothing to resume, whatever was flushed since',
    async (lastRun) => {
      const refused = await startsWith({ ...(lastRun && { lastRun }) }).resume('U1');
      expect(refused).toEqual({
        ok: false,
        refusal: { reason: 'nothing-to-resume', ...(lastRun && { run: lastRun }) },
      });
      expect(runs.calls).toEqual([]);
    },
  );
});
