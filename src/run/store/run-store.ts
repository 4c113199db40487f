import { z } from 'zod';
import { defined } from '../../lib/defined.ts';
import type { ReplyNames } from '../../pipeline/profile/profile.ts';
import {
  type ControlTable,
  type Entry,
  type Key,
  parsedEntry,
  readParsed,
  unreadable,
} from '../../state/table/control-table.ts';
import type { Condition } from '../../state/table/expression.ts';
import { withNamesOfToday } from '../../state/table/previous-names.ts';
import { type RunLocation, runLocationSchema, type StoredPlan, storedPlanSchema } from '../model/run-control.ts';
import {
  type OutcomeRecord,
  outcomeRecordSchema,
  type Person,
  paceSettingSchema,
  type RunState,
  runStateSchema,
} from '../model/types.ts';
import { lanePrefix } from './lanes.ts';
import { isMachineEntry, type MachineEntry, readMachineEntry } from './machine-entry.ts';

/**
 * The runs of one pipeline in the control table.
 *
 * | pk | sk | holds |
 * | --- | --- | --- |
 * | `pipeline#NAME` | `open-run` | the open run, if there is one; the number of the last run; the last request to halt, and how many there were |
 * | `pipeline#NAME` | `run#r-0142` | a marker of each run |
 * | `run#r-0142` | `run` | the record of the run; `stop` may be set by hand |
 * | `run#r-0142` | `outcomes#0000000007` | a chunk of the journal: outcomes in the order in which they arrived; or what the state machine received for one image |
 */

/** The execution at Step Functions that a run's record names. */
const executionFactsSchema = z.object({
  name: z.string(),
  arn: z.string(),
  /** Executions of the run so far, this one included. */
  number: z.number(),
  generation: z.number(),
  /** It has the images below this one that had no outcome when it was made. */
  below: z.number(),
  /** StartExecution was answered. */
  isStarted: z.boolean(),
  /** The digest of the definition that it was started with, and that a redrive of it uses. Absent: not known. */
  definition: z.string().exactOptional(),
  /** No image was in progress when it was stopped. */
  isDrained: z.boolean().exactOptional(),
});
export type ExecutionFacts = Readonly<z.infer<typeof executionFactsSchema>>;

const recordSchema = z.object({
  runId: z.string(),
  state: runStateSchema,
  plan: storedPlanSchema,
  location: runLocationSchema.optional(),
  startedBy: z.string().optional(),
  startedAt: z.number().optional(),
  endedAt: z.number().optional(),
  entriesAtStart: z.number().optional(),
  /** The most images in flight, from the quotas when the run was planned. */
  maxInFlight: z.number(),
  ceilingPerMinute: z.number(),
  paceSetting: paceSettingSchema,
  /** Names the process that may write. Each process that takes over the run raises it. */
  fence: z.number(),
  /** Names the drive with this fence: an earlier state of the control table brings a fence back, but no id. Absent before the first drive. */
  driveId: z.string().optional(),
  checkpoint: z.string().optional(),
  /** Set by hand or by another copy of the bot. Any value except false, "" and 0 stops the run; "now" does not wait. */
  stop: z.unknown().optional(),
  stopBy: z.string().optional(),
  pause: z.object({ by: z.string() }).optional(),
  /** Identifies the last request of a person to halt the run. */
  requestId: z.string().optional(),
  /** The fence of the take-over with which a person last started or resumed the run. */
  resumedFence: z.number().optional(),
  pace: z.object({ id: z.string(), by: z.string(), paceSetting: paceSettingSchema }).optional(),
  /** The name of the execution at Step Functions that may process images of the run. No other one does. */
  execution: z.string().optional(),
  executionFacts: executionFactsSchema.optional(),
  /** Written by the state machine when it cannot invoke the function: no child continues while it is there. */
  machineFault: z.unknown().optional(),
  /** The last change of state was not announced yet. */
  unannounced: z.boolean().optional(),
});
export type RunRecord = z.infer<typeof recordSchema>;

/** The name of the last drive of a run. No other drive has it, in any run or pipeline. */
export const driveOf = ({ driveId, fence, runId, plan }: RunRecord): string =>
  driveId ?? `${runId} ${plan.plannedAt} ${fence}`;

/** A change of a record whose state is also there as `stateKind`, for conditions. */
function withStateKind(set: Record<string, unknown>): Record<string, unknown> {
  const { state } = set;
  return typeof state === 'object' && state !== null && 'kind' in state ? { ...set, stateKind: state.kind } : set;
}

/** A request to halt. `by`: the person who made it, where that is known. */
const requestedHaltSchema = z.object({ request: z.enum(['pause', 'stop']), by: z.string().exactOptional() });
export type RequestedHalt = Readonly<z.infer<typeof requestedHaltSchema>>;

/** One write of the journal. `startedThrough`: the highest index that had been started by then; -1 where the state machine wrote it. */
export interface JournalChunk {
  readonly seq: number;
  readonly writer: string;
  readonly startedThrough: number;
  readonly records: readonly OutcomeRecord[];
}

/** Another copy of the bot has taken over the run. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
  readonly runId: string;
  readonly fence: number;
  constructor(runId: string, fence: number) {
    super(`Run ${runId} was taken over by another copy of the bot (this copy had fence ${fence}).`);
    this.runId = runId;
    this.fence = fence;
  }
}

/** `records`: those of this writer that are on record now; they may be fewer than were passed in. */
export type Appended =
  | { readonly ok: true; readonly records: readonly OutcomeRecord[] }
  | { readonly ok: false; readonly found: JournalChunk };

export interface RunStore {
  /** A new run id, from r-0001 upwards, and above the number `after`; never the same one twice. */
  nextRunId(after?: number): Promise<string>;
  createPlanned(plan: StoredPlan, location: RunLocation, maxInFlight: number): Promise<void>;
  read(runId: string): Promise<RunRecord | undefined>;
  /** Every run that was planned, the last planned first; read lazily. */
  newestFirst(): AsyncIterable<RunRecord>;
  /** The run that holds the pipeline (started and not closed), the last run that was started, and the last request to halt with the number of all. */
  readOpen(): Promise<{ openRunId?: string; lastRunId?: string; halts?: number; lastHalt?: RequestedHalt }>;
  /** Counts a request to halt, and notes it in place of the last one. It may be counted twice where a reply is lost. */
  noteHalt(halt: RequestedHalt): Promise<void>;
  /**
   * Takes the pipeline for a run; false if another run holds it. Where this run holds it already, the claim stays that of
   * the process that made it. `claim`: a name that identifies this claim.
   */
  claimPipeline(runId: string, claim: string): Promise<boolean>;
  /** The same for the process that has the lease: the claim becomes its own, and no other process can give it back. */
  confirmClaim(runId: string, claim: string): Promise<boolean>;
  /** The same where this run holds the pipeline; false, without a change, where it does not. */
  keepClaim(runId: string, claim: string): Promise<boolean>;
  /** Releases the pipeline, if this run holds it, and by this claim where one is given. */
  releasePipeline(runId: string, claim?: string): Promise<void>;
  /** Changes a record if `condition` holds. Returns whether it was changed, and the record afterwards. */
  change(
    runId: string,
    change: { set?: Record<string, unknown>; remove?: string[] },
    condition?: Condition,
  ): Promise<{ ok: boolean; record?: RunRecord }>;
  /** Notes that the last change of state was announced. */
  markAnnounced(runId: string): Promise<void>;
  /** The same for the process that drives the run. @throws FencedError if another one has taken over. */
  changeAsDriver(
    runId: string,
    fence: number,
    change: { set?: Record<string, unknown>; remove?: string[] },
  ): Promise<RunRecord>;
  /**
   * Writes a chunk. If its number is taken, returns what is there: the chunk of another writer, or what an earlier
   * attempt of this writer wrote before its reply was lost.
   */
  append(runId: string, chunk: JournalChunk): Promise<Appended>;
  /** The journal from `afterSeq` (exclusive), in order. */
  journal(runId: string, afterSeq: number): AsyncIterable<JournalChunk>;
  /** What a state machine recorded in a lane of the journal. Like `lane`. */
  machineEntries(runId: string, lane: number, afterSeq: number, pages?: number): AsyncIterable<MachineEntry>;
  /** A lane of the journal from `afterSeq` (exclusive), in order, in at most `pages` calls to DynamoDB. See lanes.ts. */
  lane(runId: string, lane: number, afterSeq: number, pages?: number): AsyncIterable<JournalChunk>;
}

/** `r-0142` */
export const runIdOf = (number: number): string => `r-${String(number).padStart(4, '0')}`;
/** 142 for `r-0142`; undefined if the text is not a run id. */
export const runNumberOf = (runId: string): number | undefined => {
  const [, digits] = /^r-(\d{4,15})$/.exec(runId) ?? [];
  return digits === undefined ? undefined : Number(digits);
};

/** The attributes that hold requests of people and of other copies of the bot to the process that drives a run. */
export const REQUESTS = ['stop', 'stopBy', 'pause', 'requestId', 'pace', 'paceId'];

/** The condition that nobody requested a halt since the record was read. */
export function sameRequests({ requestId, stop, pause }: RunRecord): Condition {
  if (requestId !== undefined) return { equals: { requestId } };
  return {
    absent: ['requestId', ...(stop === undefined ? ['stop'] : []), ...(pause === undefined ? ['pause'] : [])],
  };
}

const READ_AT_ONCE = 10;

/** The condition that a run is in one of these states. */
export const inState = (...kinds: RunState['kind'][]): Condition => ({ in: { stateKind: kinds } });

/** The stop that the `stop` attribute of a record asks for, if it does. */
export function requestedStop(record: Pick<RunRecord, 'stop' | 'stopBy'>): { now: boolean; by?: Person } | undefined {
  const { stop } = record;
  if (stop === undefined || stop === null || stop === false || stop === '' || stop === 0 || stop === 'false') return;
  return defined({ now: stop === 'now', by: record.stopBy });
}

/** The runs of the pipeline `name` (its function's name) in the control table. */
export function createRunStore(table: ControlTable, name: string, replyNames: ReplyNames): RunStore {
  const openKey: Key = { pk: `pipeline#${name}`, sk: 'open-run' };
  const recordKey = (runId: string): Key => ({ pk: `run#${runId}`, sk: 'run' });
  const chunkKey = (runId: string, seq: number): Key => ({
    pk: `run#${runId}`,
    sk: `outcomes#${String(seq).padStart(10, '0')}`,
  });
  const listLane = (runId: string, lane: number, afterSeq: number, pages?: number) =>
    table.list(
      `run#${runId}`,
      defined({ prefix: `outcomes#${lanePrefix(lane)}`, from: chunkKey(runId, afterSeq + 1).sk, pages }),
    );

  const store: RunStore = {
    async nextRunId(after = 0) {
      if (after > 0) await table.update(openKey, { set: { lastNumber: after } }, { lessThan: { lastNumber: after } });
      const done = await table.update(openKey, { add: { lastNumber: 1 } });
      return runIdOf(parsedEntry({ ...openKey, ...done.entry }, z.object({ lastNumber: z.number() })).lastNumber);
    },
    async createPlanned(plan, location, maxInFlight) {
      const record = {
        runId: plan.runId,
        state: { kind: 'planned' },
        stateKind: 'planned',
        plan,
        location,
        ceilingPerMinute: plan.ceilingPerMinute,
        paceSetting: plan.paceSetting,
        maxInFlight,
        fence: 0,
      };
      if (!(await table.create(recordKey(plan.runId), record)))
        throw new Error(`Run ${plan.runId} exists already; nothing was changed.`);
      await table.create({ pk: openKey.pk, sk: `run#${plan.runId}` }, { runId: plan.runId, plannedAt: plan.plannedAt });
    },
    read: (runId) => readParsed(table, recordKey(runId), recordSchema),
    async readOpen() {
      const openSchema = z.object({
        openRunId: z.string().exactOptional(),
        lastRunId: z.string().exactOptional(),
        halts: z.number().exactOptional(),
        lastHalt: requestedHaltSchema.exactOptional(),
      });
      return (await readParsed(table, openKey, openSchema)) ?? {};
    },
    async noteHalt(lastHalt) {
      await table.update(openKey, { set: { lastHalt }, add: { halts: 1 } });
    },
    async *newestFirst() {
      const entry = await table.read(openKey);
      const { lastNumber } = entry
        ? parsedEntry(entry, z.looseObject({ lastNumber: z.number().default(0) }))
        : { lastNumber: 0 };
      for (let last = lastNumber; last > 0; last -= READ_AT_ONCE) {
        const numbers = Array.from({ length: Math.min(READ_AT_ONCE, last) }, (_, index) => last - index);
        // There is no record where the plan was refused.
        for (const run of await Promise.all(numbers.map((number) => store.read(runIdOf(number))))) if (run) yield run;
      }
    },
    async claimPipeline(runId, claim) {
      const set = { openRunId: runId, lastRunId: runId, claim };
      const free = await table.update(openKey, { set }, { absent: ['openRunId'] });
      return free.ok || free.entry?.openRunId === runId;
    },
    async confirmClaim(runId, claim) {
      return (await store.claimPipeline(runId, claim)) && (await store.keepClaim(runId, claim));
    },
    async keepClaim(runId, claim) {
      return (await table.update(openKey, { set: { claim } }, { equals: { openRunId: runId } })).ok;
    },
    async releasePipeline(runId, claim) {
      const equals = defined({ openRunId: runId, claim });
      await table.update(openKey, { remove: ['openRunId'] }, { equals });
    },
    async change(runId, { set, remove }, condition) {
      const done = await table.update(recordKey(runId), defined({ set: set && withStateKind(set), remove }), {
        exists: true,
        ...condition,
      });
      return defined({ ok: done.ok, record: done.entry && recordOf(done.entry) });
    },
    async markAnnounced(runId) {
      await store.change(runId, { remove: ['unannounced'] });
    },
    async changeAsDriver(runId, fence, change) {
      const done = await store.change(runId, change, { equals: { fence } });
      if (!done.ok || !done.record) throw new FencedError(runId, fence);
      return done.record;
    },
    async append(runId, chunk) {
      const key = chunkKey(runId, chunk.seq);
      const made = await table.create(key, {
        writer: chunk.writer,
        startedThrough: chunk.startedThrough,
        records: JSON.stringify(chunk.records),
      });
      if (made) return { ok: true, records: chunk.records };
      const entry = await table.read(key);
      if (!entry) throw new Error(`Chunk ${chunk.seq} of the journal of ${runId} disappeared after it was written.`);
      const found = readChunk(entry, replyNames);
      return found.writer === chunk.writer ? { ok: true, records: found.records } : { ok: false, found };
    },
    async *journal(runId, afterSeq) {
      const entries = table.list(`run#${runId}`, { prefix: 'outcomes#', from: chunkKey(runId, afterSeq + 1).sk });
      for await (const entry of entries) yield readChunk(entry, replyNames);
    },
    async *machineEntries(runId, lane, afterSeq, pages) {
      for await (const entry of listLane(runId, lane, afterSeq, pages)) yield machineEntryOf(entry, replyNames);
    },
    async *lane(runId, lane, afterSeq, pages) {
      for await (const entry of listLane(runId, lane, afterSeq, pages)) yield readChunk(entry, replyNames);
    },
  };
  return store;
}

/** @throws FaultError when the entry has other contents */
function recordOf(entry: Entry): RunRecord {
  return parsedEntry(entry, recordSchema);
}

/** @throws FaultError when the entry has other contents */
function readChunk(entry: Entry, replyNames: ReplyNames): JournalChunk {
  try {
    return chunkOf(entry, replyNames);
  } catch (error) {
    throw unreadable(entry, error);
  }
}

/** @throws FaultError when the entry has other contents */
function machineEntryOf(entry: Entry, replyNames: ReplyNames): MachineEntry {
  try {
    return readMachineEntry(entry, replyNames);
  } catch (error) {
    throw unreadable(entry, error);
  }
}

function chunkOf(entry: Entry, replyNames: ReplyNames): JournalChunk {
  if (isMachineEntry(entry)) {
    const { seq, writer, record } = readMachineEntry(entry, replyNames);
    return { seq, writer, startedThrough: -1, records: record ? [record] : [] };
  }
  const { writer, startedThrough, records } = z
    .object({ writer: z.string(), startedThrough: z.number(), records: z.string() })
    .parse(entry);
  return {
    seq: Number(entry.sk.slice('outcomes#'.length)),
    writer,
    startedThrough,
    records: z.array(outcomeRecordSchema).parse(withNamesOfToday(JSON.parse(records))),
  };
}
