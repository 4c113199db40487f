import { z } from 'zod';
import { type ControlTable, type Entry, parsedEntry } from '../../state/table/control-table.ts';
import { MOST_SCHEDULES, type Schedule, scheduleSchema } from './schedule.ts';

/** A schedule as it was read: a change is refused once another process has changed it. */
export interface StoredSchedule extends Schedule {
  readonly slot: string;
  readonly version: number;
}

/** The schedules of one pipeline. Each write changes one entry, on condition that it is as it was read. */
export interface ScheduleStore {
  /** In the order of their slots. @throws ControlTableError; FaultError for an entry that cannot be understood */
  list(): Promise<readonly StoredSchedule[]>;
  /** Stores a new one. False when the pipeline has as many as it may have. */
  create(schedule: Schedule): Promise<boolean>;
  /** The schedule after the change; undefined when it was changed or removed meanwhile. */
  change(
    before: StoredSchedule,
    change: Partial<Pick<Schedule, 'doneUntil' | 'firings'>> & { readonly off?: Schedule['off'] | 'none' },
  ): Promise<StoredSchedule | undefined>;
  /** False when another schedule is in its place. */
  remove(schedule: Pick<StoredSchedule, 'id' | 'slot'>): Promise<boolean>;
}

const SLOTS = Array.from({ length: MOST_SCHEDULES }, (_, at) => `slot#${String(at + 1).padStart(2, '0')}`);
const storedSchema = scheduleSchema.extend({ version: z.number() });

/**
 * In the control table: `schedules#NAME` / `slot#01` to `slot#20`. A fixed number of slots holds the limit also when two people
 * create a schedule at the same moment. `version` counts the changes: of two processes that claim a planned time, one is refused.
 */
export function createScheduleStore({ table, name }: { table: ControlTable; name: string }): ScheduleStore {
  const pk = `schedules#${name}`;
  function read(entry: Entry): StoredSchedule {
    return { ...parsedEntry(entry, storedSchema), slot: entry.sk };
  }
  async function list(): Promise<readonly StoredSchedule[]> {
    const found: StoredSchedule[] = [];
    for await (const entry of table.list(pk, { prefix: 'slot#' })) found.push(read(entry));
    return found;
  }
  return {
    list,
    async create(schedule) {
      const used = new Set((await list()).map(({ slot }) => slot));
      for (const sk of SLOTS)
        if (!used.has(sk) && (await table.create({ pk, sk }, { ...schedule, version: 1 }))) return true;
      return false;
    },
    async change({ slot: sk, id, version }, { off, ...set }) {
      const updated = await table.update(
        { pk, sk },
        {
          set: { ...set, ...(off === undefined || off === 'none' ? {} : { off }), version: version + 1 },
          ...(off === 'none' ? { remove: ['off'] } : {}),
        },
        { equals: { id, version } },
      );
      return updated.ok ? read(updated.entry) : undefined;
    },
    remove: ({ slot: sk, id }) => table.remove({ pk, sk }, { equals: { id } }),
  };
}
