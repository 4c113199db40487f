import { z } from 'zod';
import type { ControlTable, Key } from '../../state/control-table.ts';
import type { Condition } from '../../state/expression.ts';

/** What was to be expected before anything happened; the receipt compares it with what came of it. */
export const forecastSchema = z.object({
  images: z.number(),
  expectedMs: z.number(),
  expectedPerMinute: z.number(),
  expectedCostUsd: z.number().exactOptional(),
  /** Undefined where no run has told yet. */
  expectedFailures: z.number().exactOptional(),
  restsOn: z.array(z.string()).readonly(),
});
export type AutopilotForecast = z.infer<typeof forecastSchema>;

const recordSchema = z.object({
  id: z.string(),
  by: z.string(),
  location: z.object({ channel: z.string(), ts: z.string().exactOptional() }),
  state: z.enum(['planned', 'running', 'stopped', 'finished', 'cancelled']),
  forecast: forecastSchema,
  plannedAt: z.number(),
  startedAt: z.number().exactOptional(),
  endedAt: z.number().exactOptional(),
  stoppedBy: z.string().exactOptional(),
  checklistId: z.string().exactOptional(),
  attempts: z.record(z.string(), z.number()).default({}),
  approvalId: z.string().exactOptional(),
  runId: z.string().exactOptional(),
  /** What it waits for a person for, and that people were told so. */
  wanted: z.string().exactOptional(),
  /** What it was about to do was refused: it is not tried again before somebody says so. */
  refused: z.boolean().exactOptional(),
  /** It is finished, or needs somebody, and people may not have been told. */
  untold: z.boolean().exactOptional(),
  /** Grows when somebody says that it may go on. */
  nudges: z.number().default(0),
  /** Of whoever drives it: grows with each take-over. */
  fence: z.number().exactOptional(),
  /** It was stopped, and this is not known to be done yet: its request taken back; `work`: what is under way stopped too. */
  stopping: z.enum(['request', 'work']).exactOptional(),
});
export type AutopilotRecord = z.infer<typeof recordSchema>;

/** The autopilot of one pipeline in the control table: one at a time. `pipeline#NAME` / `autopilot`. */
export interface AutopilotStore {
  read(): Promise<AutopilotRecord | undefined>;
  /** Puts a planned one there, unless one is running or not over to its end. */
  plan(record: AutopilotRecord): Promise<boolean>;
  change(
    id: string,
    change: { set?: Partial<AutopilotRecord>; remove?: (keyof AutopilotRecord)[] },
    states: AutopilotRecord['state'][],
    /** Only while this is the fence of whoever drives it. */
    fence?: number,
  ): Promise<AutopilotRecord | undefined>;
  /** Notes who drives it from now on; false where somebody does who took over later. */
  drive(id: string, fence: number): Promise<boolean>;
  nudge(id: string, options: { forgetApproval: boolean }): Promise<AutopilotRecord | undefined>;
}

export function createAutopilotStore(table: ControlTable, name: string): AutopilotStore {
  const key: Key = { pk: `pipeline#${name}`, sk: 'autopilot' };
  const clear = [
    'startedAt',
    'endedAt',
    'stoppedBy',
    'checklistId',
    'approvalId',
    'runId',
    'wanted',
    'refused',
    'untold',
    'stopping',
  ];
  const inStates = (id: string, states: string[], fence?: number): Condition => ({
    equals: { id, ...(fence === undefined ? {} : { fence }) },
    in: { state: states },
  });
  return {
    async read() {
      const entry = await table.read(key);
      return entry && recordSchema.parse(entry);
    },
    async plan(record) {
      const made = await table.create(key, { ...record });
      if (made) return true;
      // One whose end was not told, or whose stop is not done, is not forgotten for another.
      const idle: Condition = {
        in: { state: ['planned', 'stopped', 'finished', 'cancelled'] },
        absent: ['untold', 'stopping'],
      };
      return (await table.update(key, { set: { ...record }, remove: clear }, idle)).ok;
    },
    async change(id, { set, remove }, states, fence) {
      const done = await table.update(
        key,
        { ...(set ? { set } : {}), ...(remove ? { remove } : {}) },
        inStates(id, states, fence),
      );
      return done.ok ? recordSchema.parse(done.entry) : undefined;
    },
    async drive(id, fence) {
      const take = (condition: Condition) => table.update(key, { set: { fence } }, { equals: { id }, ...condition });
      const later = await take({ lessThan: { fence } });
      // One that was begun by an older version has no fence yet.
      const done = !later.ok && later.entry?.fence === undefined ? await take({ absent: ['fence'] }) : later;
      // Our own write, whose reply was lost, refuses us with our own fence.
      return done.ok || (done.entry?.id === id && done.entry.fence === fence);
    },
    async nudge(id, { forgetApproval }) {
      const remove = ['wanted', 'refused', 'untold', ...(forgetApproval ? ['approvalId'] : [])];
      const done = await table.update(
        key,
        { set: { attempts: {} }, remove, add: { nudges: 1 } },
        inStates(id, ['running']),
      );
      return done.ok ? recordSchema.parse(done.entry) : undefined;
    },
  };
}
