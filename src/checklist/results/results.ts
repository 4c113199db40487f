import { requireUsable } from '../../backup/catalogue/catalogue.ts';
import type { BackupLocation } from '../../backup/catalogue/location.ts';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import { openBackup } from '../../backup/verify/open-backup.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { createLookAlikes, readSpelling } from '../../lib/look-alike.ts';
import { type Result, refuse, succeed } from '../../lib/result.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import { describeTable, shapeOf } from '../../pipeline/table/table.ts';
import { diffWithBackup } from '../../results/diff/diff.ts';
import { readRunReport } from '../../results/report/run-report.ts';
import { isOpen } from '../../run/model/run.ts';
import type { ScopeManifests } from '../../run/scope/scope-manifests.ts';
import { lastOutcomes } from '../../run/store/last-outcomes.ts';
import { readHistory, rootOf } from '../../run/store/run-chain.ts';
import type { RunRecord } from '../../run/store/run-store.ts';
import type {
  DiffNow,
  FindImage,
  ImageAttempt,
  ResultControl,
  ResultRefusal,
  StartControl,
} from '../contracts/result-control.ts';
import type { ChecklistStore } from '../steps/checklist-store.ts';
import { refusalOrFault } from '../table-jobs/table-errors.ts';
import { flushesAround, referenceBackup } from './reference-backup.ts';
import { chooseForRetry } from './retry-choice.ts';
import { createRunReader, type RunReaderPorts } from './run-reader.ts';
import { lastScope, type ResultScope, withScope } from './run-scope.ts';
import { validatePerson, validateRun } from './validate.ts';

export interface ResultsPorts extends RunReaderPorts {
  readonly location: BackupLocation;
  readonly clock: Clock;
  readonly random: Random;
  readonly findImage: FindImage;
  readonly scopes: Pick<ScopeManifests, 'filterById'>;
  readonly starts: Pick<StartControl, 'plan'>;
  readonly checklists: Pick<ChecklistStore, 'list' | 'steps' | 'setStep'>;
  /** Fields that differ after every rescan. */
  readonly ignoredFields: readonly string[];
  /** How many people a validation compares. */
  readonly samplePeople: number;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
}

const MAX_ATTEMPTS = 5;

/**
 * Results of runs, read from the table, the journals, the manifests and the backups. See ResultControl for the
 * guarantees.
 */
export function createResults(ports: ResultsPorts): ResultControl {
  const { dynamodb, store } = ports;
  const reader = createRunReader(ports);

  async function orRefusal<T>(work: () => Promise<Result<T, ResultRefusal>>): Promise<Result<T, ResultRefusal>> {
    try {
      return await work();
    } catch (error) {
      ports.warn('the results of a run could not be read', error);
      return refuse({ reason: 'table', refusal: refusalOrFault(error, ports.readFault) });
    }
  }

  /** Compares the records of a scope with a backup. */
  async function compareWith(backup: BackupRecord | undefined, scope: ResultScope | undefined) {
    if (!backup) return refuse({ reason: 'table' as const, refusal: { reason: 'no-backup' as const } });
    const facts = await describeTable(dynamodb, ports.table);
    requireUsable(backup, facts.arn);
    const { table, ignoredFields, scopes } = ports;
    const diff = await withScope(scope, { scopes, keys: shapeOf(facts, ports.profile) }, (only) =>
      diffWithBackup(ports, { table, backupId: backup.id, ignoredFields, ...only }),
    );
    // Read last: a run that began meanwhile changed the table during the diff.
    const { openRunId } = await store.readOpen();
    const open = openRunId === undefined ? undefined : await store.read(openRunId);
    const openRun = open && isOpen(open.state) ? { runId: open.runId, state: open.state.kind } : undefined;
    return succeed<DiffNow>({ ...diff, ...defined({ openRun, scope }) });
  }

  const outcomesOf = ({ runId, plan }: RunRecord) => lastOutcomes(() => store.journal(runId, 0), plan.total);

  const validation = { ...ports, reconcileChain: reader.reconcile };

  return {
    failures: (runId) =>
      orRefusal(async () => {
        const runs = await readHistory(store);
        const found = await reader.failures(runs, { withBucket: false, ...defined({ inRun: runId }) });
        return succeed({ ...found, runIds: runs.map((run) => run.runId) });
      }),
    planRetry: ({ request, what, paceSetting, engine, by, channel }) =>
      orRefusal(async () => {
        const chosen = await chooseForRetry(request, what, {
          ...ports,
          readFailures: reader.failures,
          reconcileChain: reader.reconcile,
          lastChain: async () => valueOrNone(await reader.chain()),
        });
        if ('reason' in chosen) return refuse(chosen);
        try {
          const { images, retry } = chosen;
          const planned = await ports.starts.plan({
            selection: { retry },
            images,
            keep: true,
            paceSetting,
            ...defined({ engine }),
            by,
            location: { channel },
          });
          if (planned.ok) return planned;
          return planned.refusal.reason === 'no-match'
            ? refuse({ reason: 'nothing-unaccounted' })
            : refuse({ reason: 'start', refusal: planned.refusal });
        } finally {
          await chosen.dispose();
        }
      }),
    outcomes: (runId) =>
      orRefusal(async () => {
        const run = await reader.run(runId);
        if (!run.ok) return run;
        const { runId: id } = run.value;
        return succeed({ runId: id, records: outcomesOf(run.value), profile: ports.profile });
      }),
    attempts: (typed) =>
      orRefusal(async () => {
        const imageKey = readSpelling(typed);
        const found = new Map<string, ImageAttempt[]>();
        const like = createLookAlikes(imageKey);
        for (const { runId } of await readHistory(store))
          for await (const { records } of store.journal(runId, 0))
            for (const { key, startedAt, durationMs, requestId } of records) {
              if (key !== imageKey) like.offer(key);
              if (key !== imageKey && !like.names().includes(key)) continue;
              const attempts = found.get(key) ?? [];
              attempts.push(defined({ runId, startedAt, durationMs, requestId }));
              found.set(key, attempts);
            }
        const names = like.names();
        if (!found.has(imageKey) && names.length > 1)
          return refuse({ reason: 'look-alikes', what: 'image', typed: imageKey, names });
        const attempts = found.get(imageKey) ?? found.get(names[0] ?? imageKey) ?? [];
        return succeed(attempts.sort((a, b) => b.startedAt - a.startedAt).slice(0, MAX_ATTEMPTS));
      }),
    report: (runId) =>
      orRefusal(async () => {
        const found = await reader.run(runId);
        if (!found.ok) return found;
        const run = found.value;
        const report = await readRunReport({
          startedAt: run.startedAt ?? run.plan.plannedAt,
          manifest: ports.manifest(run.runId, 0),
          outcomes: outcomesOf(run),
        });
        const { expectedMs: ms, expectedCostUsd: costUsd } = run.plan;
        const expected = defined({ ms, costUsd });
        return succeed({ ...report, runId: run.runId, expected });
      }),
    validate: ({ runId, person, seed, recordAs }) =>
      orRefusal(async () => {
        const chain = await reader.chain(runId);
        if (person !== undefined) return validatePerson(validation, valueOrNone(chain), person);
        if (!chain.ok) return chain;
        return validateRun(validation, chain.value, {
          seed: seed ?? Math.floor(ports.random() * 1_000_000),
          ...defined({ recordAs }),
        });
      }),
    diff: ({ backupId, scopeId } = {}) =>
      orRefusal(async () => {
        if (backupId !== undefined) {
          const scope = scopeId === undefined ? undefined : { id: scopeId };
          return compareWith(
            await openBackup(ports.location, backupId, () => ports.clock.now(), { profile: ports.profile }),
            scope,
          );
        }
        const chain = valueOrNone(await reader.chain());
        const root = chain && rootOf(chain);
        const { arn } = await describeTable(dynamodb, ports.table);
        const [flush] = await flushesAround(ports.checklists, root);
        return compareWith(await referenceBackup(ports.location, arn, flush, root, ports), lastScope(root, flush));
      }),
    changes: (runId) =>
      orRefusal(async () => {
        const run = await reader.run(runId);
        if (!run.ok) return run;
        const { scope } = run.value.plan.selection;
        if (!scope) return succeed(undefined);
        const { arn } = await describeTable(dynamodb, ports.table);
        const flush = (await flushesAround(ports.checklists, run.value)).find(({ isOfRun }) => isOfRun);
        return compareWith(await referenceBackup(ports.location, arn, flush, run.value, ports), scope);
      }),
  };
}

const valueOrNone = <T>(result: Result<T, ResultRefusal>): T | undefined => (result.ok ? result.value : undefined);
