import { defined } from '../../lib/defined.ts';
import { addToList, lengthOf } from '../../state/string-list.ts';
import { type ControlTable, type Key, parsedEntry, readParsed } from '../../state/table/control-table.ts';
import type { Condition } from '../../state/table/expression.ts';
import { type AutopilotRecord, autopilotRecordSchema } from '../model/autopilot-record.ts';

/** The autopilot of one pipeline in the control table, one at a time: `pipeline#NAME` / `autopilot`. */
export interface AutopilotStore {
  read(): Promise<AutopilotRecord | undefined>;
  /** Stores a planned autopilot, unless one is running or its end is not fully handled. */
  plan(record: AutopilotRecord): Promise<boolean>;
  /** Changes the record if it has this id and one of these states; undefined otherwise. */
  change(
    id: string,
    change: { set?: Partial<AutopilotRecord>; remove?: (keyof AutopilotRecord)[] },
    states: AutopilotRecord['state'][],
    /** Only while the process with this fence drives it. */
    fence?: number,
  ): Promise<AutopilotRecord | undefined>;
  /** Makes the process with this fence the driver; false when a process with a later fence is. */
  drive(id: string, fence: number): Promise<boolean>;
  /** Stores who let a running autopilot try again, once each. */
  addRequester(id: string, person: string): Promise<void>;
  /** Resets the attempts and the blocker of a running autopilot; undefined when it does not run. */
  reset(id: string, options: { forgetApproval: boolean }): Promise<AutopilotRecord | undefined>;
}

const ALSO_BY = 'alsoBy';
/** Attributes of an earlier autopilot that a new plan must not keep. */
const OF_ONE_AUTOPILOT = [
  ALSO_BY,
  lengthOf(ALSO_BY),
  'startedAt',
  'endedAt',
  'stoppedBy',
  'checklistId',
  'attemptedAt',
  'approvalId',
  'runId',
  'blocker',
  'refused',
  'unannounced',
  'stopping',
];

export function createAutopilotStore(table: ControlTable, name: string): AutopilotStore {
  const key: Key = { pk: `pipeline#${name}`, sk: 'autopilot' };
  const inStates = (id: string, states: string[], fence?: number): Condition => ({
    equals: defined({ id, fence }),
    in: { state: states },
  });
  return {
    read: () => readParsed(table, key, autopilotRecordSchema),
    async plan(record) {
      if (await table.create(key, { ...record })) return true;
      // An autopilot whose end is not announced, or whose stop is not finished, is not replaced.
      const isReplaceable: Condition = {
        in: { state: ['planned', 'stopped', 'finished', 'cancelled'] },
        absent: ['unannounced', 'stopping'],
      };
      return (await table.update(key, { set: { ...record }, remove: OF_ONE_AUTOPILOT }, isReplaceable)).ok;
    },
    async change(id, { set = {}, remove = [] }, states, fence) {
      const done = await table.update(key, { set, remove }, inStates(id, states, fence));
      return done.ok ? parsedEntry(done.entry, autopilotRecordSchema) : undefined;
    },
    async drive(id, fence) {
      const take = (condition: Condition) => table.update(key, { set: { fence } }, { equals: { id }, ...condition });
      const later = await take({ lessThan: { fence } });
      // A record from an older version has no fence.
      const done = !later.ok && later.entry?.fence === undefined ? await take({ absent: ['fence'] }) : later;
      // When the reply to our own write was lost, the repetition is refused because of our own fence.
      return done.ok || (done.entry?.id === id && done.entry.fence === fence);
    },
    addRequester: (id, person) => addToList(table, key, ALSO_BY, person, inStates(id, ['running'])),
    async reset(id, { forgetApproval }) {
      const remove = ['blocker', 'refused', 'unannounced', ...(forgetApproval ? ['approvalId'] : [])];
      const done = await table.update(key, { set: { attempts: {} }, remove }, inStates(id, ['running']));
      return done.ok ? parsedEntry(done.entry, autopilotRecordSchema) : undefined;
    },
  };
}
