import type { AutopilotControl } from '../../checklist/contracts/autopilot-control.ts';
import type { TableControl } from '../../checklist/contracts/table-control.ts';
import { keepNewest } from '../../lib/memory/newest.ts';
import type { RunControl, RunLocation } from '../../run/model/run-control.ts';
import type { Chat, MessageLocation } from '../client/chat.ts';
import { classifySlackError } from '../client/slack-errors.ts';

/** Finds the message of a run, an autopilot or a table job by its id; undefined if it has none. */
export type FindLocation = (id: string) => Promise<RunLocation | undefined>;

/** A location is needed again while the run or job is in progress or has just ended. */
const MOST_KNOWN = 100;

/**
 * Finds the message of a run. While the control table cannot be read, the last known location is returned: the alert about
 * that fault must still reach the run's thread.
 * @throws what `runs.location` throws, when no location is known.
 */
export function createRunLocationFinder(runs: Pick<RunControl, 'location'>): FindLocation {
  const known = new Map<string, RunLocation>();
  return async (runId) => {
    try {
      const location = await runs.location(runId);
      if (location) {
        known.delete(runId);
        known.set(runId, location);
        keepNewest(known, MOST_KNOWN);
      }
      return location;
    } catch (error) {
      const last = known.get(runId);
      if (!last) throw error;
      return last;
    }
  };
}

/** Whether Slack says that a message was deleted. False if Slack does not answer. Never throws. */
export type IsDeleted = (location: MessageLocation) => Promise<boolean>;

export const createDeletionCheck =
  (chat: Pick<Chat, 'permalink'>): IsDeleted =>
  async (location) => {
    try {
      await chat.permalink(location);
      return false;
    } catch (error) {
      const failure = classifySlackError(error);
      return failure.kind === 'refused' && failure.code === 'message_not_found';
    }
  };

/**
 * Finds the thread of a run, or of the open or last run if no id is given. Undefined if it has no message in this channel
 * any more.
 * @throws what the control table throws.
 */
export const createThreadFinder =
  (runs: Pick<RunControl, 'current'>, findRun: FindLocation, isDeleted: IsDeleted) =>
  async (channel: string, runId?: string): Promise<{ channel: string; threadTs: string } | undefined> => {
    const id = runId ?? (await runs.current())?.runId;
    const location = id === undefined ? undefined : await findRun(id);
    if (location?.channel !== channel || location.ts === undefined) return undefined;
    const { ts } = location;
    return (await isDeleted({ channel, ts })) ? undefined : { channel, threadTs: ts };
  };

/** The live messages of the newest table jobs that this process posted, by job id. */
export interface JobLocations {
  add(jobId: string, location: MessageLocation): void;
  find(jobId: string): MessageLocation | undefined;
}

export function createJobLocations(): JobLocations {
  const locations = new Map<string, MessageLocation>();
  return {
    add(jobId, location) {
      locations.delete(jobId);
      locations.set(jobId, location);
      keepNewest(locations, MOST_KNOWN);
    },
    find: (jobId) => locations.get(jobId),
  };
}

/** Finds a message by the prefix of its id: `r-` is a run, `ap-` an autopilot, everything else a table job. */
export const createLocationFinder =
  (ports: {
    findRun: FindLocation;
    autopilot: Pick<AutopilotControl, 'current'>;
    tables: Pick<TableControl, 'approval'>;
    jobs: Pick<JobLocations, 'find'>;
  }): FindLocation =>
  async (id) => {
    if (id.startsWith('r-')) return ports.findRun(id);
    if (id.startsWith('ap-')) {
      const active = await ports.autopilot.current();
      return active?.id === id ? active.location : undefined;
    }
    // A job with an approval replies in the thread of its request; a backup has no request and replies to its own message.
    return (await ports.tables.approval(id)) ?? ports.jobs.find(id);
  };

/** Finds who started or requested a run, an autopilot or a table job by its id; undefined if that is not known. Never throws. */
export const createStarterFinder =
  (ports: {
    runs: Pick<RunControl, 'read'>;
    autopilot: Pick<AutopilotControl, 'current'>;
    tables: Pick<TableControl, 'approval' | 'current'>;
    onError: (error: unknown, message: string) => void;
  }) =>
  async (id: string): Promise<string | undefined> => {
    try {
      if (id.startsWith('r-')) return (await ports.runs.read(id))?.startedBy;
      if (id.startsWith('ap-')) {
        const active = await ports.autopilot.current();
        return active?.id === id ? active.by : undefined;
      }
      const job = await ports.tables.current();
      return job?.id === id ? job.by : (await ports.tables.approval(id))?.requestedBy;
    } catch (error) {
      ports.onError(error, `Who started ${id} cannot be read.`);
      return undefined;
    }
  };
