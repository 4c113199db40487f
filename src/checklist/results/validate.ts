import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { BackupLocation } from '../../backup/catalogue/location.ts';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import { kindRulesOf } from '../../backup/format/kind-rules.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { readSpelling } from '../../lib/look-alike.ts';
import { type Result, refuse, succeed } from '../../lib/result.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import { RECORD_KINDS } from '../../pipeline/profile/record-kinds.ts';
import { countByKind } from '../../pipeline/table/count.ts';
import { hashOfResource } from '../../pipeline/table/image-rows.ts';
import { countsOf, emptyTally, hasKind, type RecordShape } from '../../pipeline/table/records.ts';
import { describeTable, shapeOf, type TableFacts } from '../../pipeline/table/table.ts';
import { diffWithBackup } from '../../results/diff/diff.ts';
import type { ReconciledImage, ReconciledKind } from '../../results/reconcile/reconcile-image.ts';
import { compareEntryHours } from '../../results/report/entry-hours.ts';
import { comparePeople, findLikePeople, type PersonComparison } from '../../results/report/people.ts';
import { createSharedWeekFinder } from '../../results/report/shared-weeks.ts';
import { fewerEntries, judgeValidation } from '../../results/report/validation.ts';
import type { ScopeFilter } from '../../run/scope/scope-filter.ts';
import type { ScopeManifests } from '../../run/scope/scope-manifests.ts';
import { type RunChain, rootOf } from '../../run/store/run-chain.ts';
import type { ResultRefusal, Validation } from '../contracts/result-control.ts';
import type { ChecklistStore } from '../steps/checklist-store.ts';
import { flushesAround, referenceBackup } from './reference-backup.ts';
import type { RunReader } from './run-reader.ts';
import { lastScope, withScope } from './run-scope.ts';

export interface ValidatePorts {
  readonly dynamodb: DynamoDBClient;
  readonly location: BackupLocation;
  readonly profile: Profile;
  readonly table: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly checklists: Pick<ChecklistStore, 'list' | 'steps' | 'setStep'>;
  /** Fields that differ after every rescan. */
  readonly ignoredFields: readonly string[];
  /** How many people a validation compares. */
  readonly samplePeople: number;
  readonly scopes: Pick<ScopeManifests, 'filterById'>;
  readonly bucket: string;
  readonly reconcileChain: RunReader['reconcile'];
}

const MAX_EXAMPLES = 6;
/** The kinds of images of which examples are returned. */
const EXAMPLE_KINDS: readonly ReconciledKind[] = [
  'neither',
  'rows-without-outcome',
  'processed-without-rows',
  'outcome-not-in-manifest',
  'failed-without-record',
  'rejected-without-record',
];

/** Compares the entries of one person with the backup. */
export async function validatePerson(
  ports: ValidatePorts,
  chain: RunChain | undefined,
  person: string,
): Promise<Result<Validation, ResultRefusal>> {
  const { profile } = ports;
  if (!profile.person) return refuse({ reason: 'profile-lacks', what: 'person', profile: profile.name });
  const facts = await describeTable(ports.dynamodb, ports.table);
  const backup = await backupFor(ports, facts, chain);
  if (!backup) return refuse({ reason: 'table', refusal: { reason: 'no-backup' } });
  const compareOne = (name: string) =>
    comparePeople(ports, { backup, choice: { kind: 'one', person: name }, ignoredFields: ports.ignoredFields });
  const isEmpty = ([one]: readonly PersonComparison[]) => !one || one.before.entries + one.after.entries === 0;
  let people = await compareOne(hashOfResource(readSpelling(person), profile));
  if (isEmpty(people)) {
    const names = await findLikePeople(ports, backup, person);
    if (names.length > 1) return refuse({ reason: 'look-alikes', what: 'person', typed: person, names });
    people = await compareOne(names[0] ?? person);
  }
  if (isEmpty(people)) return refuse({ reason: 'no-such-person', person, backupId: backup.id });
  const now = await countByKind(ports.dynamodb, ports.table, { keys: shapeOf(facts, profile) });
  const isFewer = areComparable(ports, backup) && fewerEntries(backup, now) > 0;
  const hours = isFewer && profile.record.amount ? { entryHours: await compareEntryHours(ports, backup) } : {};
  const about = { now, people, profile, ...(areComparable(ports, backup) && { backup }), ...hours };
  return succeed({ ...about, ...judgeValidation(about), runIds: [], images: [] });
}

/** Compares manifest, outcomes, rows and backup of a run. The verdict is recorded in the checklist of the run, as the
 * work of `recordAs` where that is given. */
export async function validateRun(
  ports: ValidatePorts,
  chain: RunChain,
  { seed, recordAs }: { readonly seed: number; readonly recordAs?: string },
): Promise<Result<Validation, ResultRefusal>> {
  const { dynamodb, table, profile } = ports;
  const root = rootOf(chain);
  const facts = await describeTable(dynamodb, table);
  const flushes = await flushesAround(ports.checklists, root);
  const later = flushes.find(({ at }) => root.startedAt !== undefined && at > root.startedAt);
  const flushed = later && { at: later.at, ...defined({ what: lastScope(undefined, later)?.what }) };
  const whole = await backupFor(ports, facts, chain);
  const { scope } = root.plan.selection;
  const keys = shapeOf(facts, profile);
  const { joined, sharedWeeks, ...compared } = await withScope(scope, { scopes: ports.scopes, keys }, async (only) => {
    const choice = { kind: 'sample' as const, size: ports.samplePeople, seed };
    const people = whole
      ? await comparePeople(ports, { backup: whole, choice, ignoredFields: ports.ignoredFields, ...only })
      : [];
    const covered =
      whole && (scope || !areComparable(ports, whole))
        ? await countScope(ports, whole, only)
        : { now: await countByKind(dynamodb, table, { keys, ...(only.covers && { only: { covers: only.covers } }) }) };
    const before = 'before' in covered ? covered.before : whole?.counts;
    const isFewer = before !== undefined && fewerEntries({ counts: before }, covered.now) > 0;
    return {
      now: covered.now,
      people,
      ...(whole && before && { backup: { ...whole, counts: before } }),
      ...(whole && isFewer && profile.record.amount && { entryHours: await compareEntryHours(ports, whole, only) }),
      ...(scope && 'outside' in covered && { scope: { ...scope, outside: covered.outside } }),
      // Last, because the caller frees it.
      ...(await reconcileWithWeeks(ports, chain, { keys, ...only })),
    };
  });
  try {
    const about = { ...compared, profile, reconciled: joined.totals };
    const runState = chain[0].state.kind;
    const judged = judgeValidation({ ...about, runState, ...defined({ flushed, sharedWeeks }) });
    const images: ReconciledImage[] = [];
    for await (const image of joined.images(EXAMPLE_KINDS)) {
      images.push(image);
      if (images.length >= MAX_EXAMPLES) break;
    }
    if (recordAs !== undefined) await recordVerdict(ports, root.runId, recordAs, judged);
    const { prefix, limit, sample } = root.plan.selection;
    return succeed({
      ...about,
      ...judged,
      runIds: chain.map(({ runId }) => runId),
      runState,
      isPartial: prefix !== undefined || limit !== undefined || sample !== undefined,
      images,
      seed,
    });
  } finally {
    await joined.dispose();
  }
}

/** Whether the kinds of the records in a backup were counted by the rules of this profile. */
const areComparable = ({ profile }: ValidatePorts, { kindRules }: BackupRecord): boolean =>
  kindRules === kindRulesOf(profile);

/**
 * The reconciliation of a run, and the weeks that hold records of several images, from one scan. Where images of one week do not
 * replace each other's records, there are no such weeks.
 */
async function reconcileWithWeeks(
  { bucket, reconcileChain }: ValidatePorts,
  chain: RunChain,
  about: { readonly keys: RecordShape; readonly covers?: ScopeFilter['covers'] },
) {
  const { together } = about.keys.profile;
  if (!together.includes('person') || !together.includes('first-day')) return { joined: await reconcileChain(chain) };
  const finder = createSharedWeekFinder({ ...about, bucket });
  try {
    const joined = await reconcileChain(chain, { onRecords: finder.add });
    try {
      return { joined, sharedWeeks: await finder.found() };
    } catch (error) {
      await joined.dispose();
      throw error;
    }
  } finally {
    await finder.dispose();
  }
}

/** The records of a scope in the backup and in the table, and the differences of all others. */
async function countScope(
  ports: ValidatePorts,
  backup: BackupRecord,
  only: { readonly covers?: ScopeFilter['covers'] },
) {
  const { table, ignoredFields } = ports;
  const diff = await diffWithBackup(ports, { table, backupId: backup.id, ignoredFields, ...only });
  await diff.dispose();
  const { byRecord, outside } = diff.totals;
  const [before, now] = [emptyTally(), emptyTally()];
  for (const kind of RECORD_KINDS) {
    const { removed, changed, added, moved, same } = byRecord[kind];
    before[kind] = removed + changed + moved + same;
    now[kind] = added + changed + moved + same;
  }
  return { before: countsOf(before), now: countsOf(now), outside };
}

async function backupFor(ports: ValidatePorts, { arn }: TableFacts, chain: RunChain | undefined) {
  const root = chain && rootOf(chain);
  const flushes = await flushesAround(ports.checklists, root);
  const flush = root ? flushes.find(({ isOfRun }) => isOfRun) : flushes.at(0);
  return referenceBackup(ports.location, arn, flush, root, ports);
}

/** Records the verdict, but not while the run is open, because missing images may still come. */
async function recordVerdict(
  { checklists, clock, profile }: ValidatePorts,
  rootId: string,
  by: string,
  { verdict, problems }: Pick<Validation, 'verdict' | 'problems'>,
): Promise<void> {
  if (verdict === 'unfinished') return;
  for await (const { id, runIds } of checklists.list(20)) {
    if (!runIds.includes(rootId)) continue;
    const state = verdict === 'bad' ? 'failed' : 'done';
    const fewer = problems.find((problem) => problem.kind === 'fewer-entries');
    const withoutRows = problems
      .filter((problem) => problem.kind === 'rows-missing' || problem.kind === 'rows-unclear')
      .reduce((sum, { images }) => sum + images, 0);
    const found = defined({
      kind: 'validate' as const,
      verdict,
      fewerEntries: fewer?.entries,
      onlyEntries: fewer && !hasKind(profile, 'zero-hour') ? (true as const) : undefined,
      imagesWithoutRows: withoutRows === 0 ? undefined : withoutRows,
    });
    return checklists.setStep(id, { step: 'validate', state, by, at: Math.round(clock.now()), found });
  }
}
