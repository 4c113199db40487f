import { isDeepStrictEqual } from 'node:util';
import type { AutopilotControl } from '../../checklist/contracts/autopilot-control.ts';
import type {
  ResultControl,
  ResultRefusal,
  StartControl,
  StartRefusal,
} from '../../checklist/contracts/result-control.ts';
import type { ScopeControl } from '../../checklist/contracts/scope-control.ts';
import type { TableControl } from '../../checklist/contracts/table-control.ts';
import type { StartResult } from '../../checklist/schedules/firing-driver.ts';
import type { Schedule } from '../../checklist/schedules/schedule.ts';
import { defined } from '../../lib/defined.ts';
import { settle } from '../../lib/result.ts';
import { carriedFault } from '../../pipeline/fault.ts';
import type { RunControl, RunPlan } from '../../run/model/run-control.ts';
import type { PaceSetting } from '../../run/model/types.ts';
import { criteriaOf } from '../../run/scope/scope.ts';
import type { Chat } from '../client/chat.ts';
import { readRetryWords } from '../commands/parse/retry-request.ts';
import { readScopeRequest } from '../commands/parse/scope-request.ts';
import type { Permissions } from '../intake/permissions.ts';
import { autopilotPlanMessage, autopilotRefusalMessage } from '../messages/checklist/autopilot-message.ts';
import { scopeRefusalMessage } from '../messages/checklist/scope-message.ts';
import { mention } from '../messages/kit/escape.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { faultMessage, refusalMessage } from '../messages/refusals/refusals.ts';
import { resultRefusalMessage } from '../messages/refusals/result-refusals.ts';
import { startRefusalMessage } from '../messages/refusals/start-refusals.ts';
import { previewMessage } from '../messages/run/preview.ts';
import { scheduledPlanGoneMessage, scheduledScopeMessage } from '../messages/schedules/schedule-messages.ts';
import { tableRefusalMessage } from '../messages/table/table-refusals.ts';

export interface StartScheduledPorts {
  readonly permissions: Permissions;
  readonly tables: Pick<TableControl, 'backup' | 'current'>;
  readonly results: Pick<ResultControl, 'planRetry'>;
  readonly starts: Pick<StartControl, 'start'>;
  readonly runs: Pick<RunControl, 'current' | 'cancelPlan' | 'setLocation'>;
  readonly scope: ScopeControl;
  readonly autopilot: AutopilotControl;
  readonly chat: Pick<Chat, 'post' | 'edit'>;
  readonly pace: PaceSetting;
  /** The channel in which a schedule may post now. */
  readonly channelOf: (schedule: Schedule) => string;
  readonly stopFile: string;
  readonly stopFileExists: () => Promise<boolean>;
  /** Who asked to stop whatever runs at `since` (epoch ms) or later, where the control table could not store it. */
  readonly storedStop: (since: number) => Promise<string | undefined>;
  readonly onError: (error: unknown, message: string) => void;
}

const refused = (message: Message): StartResult => ({ kind: 'refused', lines: linesOf(message) });
const linesOf = ({ text }: Message): readonly string[] => text.split('\n');

/** Where these are the answer, a retry has nothing to do. */
const NOTHING_TO_RETRY: ReadonlySet<ResultRefusal['reason']> = new Set([
  'nothing-failed',
  'none-chosen',
  'nothing-to-review',
  'nothing-unaccounted',
]);

/**
 * Starts the work of a schedule as its person would: with their permissions as they are now and the same preconditions. What may be
 * started only by a second person's approval is asked for. Never throws.
 */
export function createScheduledStart(
  ports: StartScheduledPorts,
): (schedule: Schedule, plannedAt: number) => Promise<StartResult> {
  return async (schedule, plannedAt) => {
    try {
      return (await whyNot(schedule, plannedAt, ports)) ?? (await startWork(schedule, ports));
    } catch (error) {
      ports.onError(error, `The firing of the schedule ${schedule.id} failed.`);
      const fault = carriedFault(error);
      return {
        kind: 'failed',
        lines: fault
          ? linesOf(faultMessage(fault))
          : ['An unexpected error occurred. The log of the bot has it.', 'See what runs with `/rescan status`.'],
      };
    }
  };
}

/** What keeps every kind of work from being started. */
async function whyNot(
  { by }: Schedule,
  plannedAt: number,
  ports: StartScheduledPorts,
): Promise<StartResult | undefined> {
  const permission = await ports.permissions.check(by, 'operator', 'fresh');
  if (!permission.ok && permission.refusal.reason === 'look-up-failed')
    return refused(
      say(
        `Slack could not say whether ${mention(by)} is still an operator.`,
        'The schedule stays on. Start the work by hand if it is needed.',
      ),
    );
  if (!permission.ok)
    return {
      ...refused(
        say(
          `${mention(by)}, who set the schedule, is not an operator any more.`,
          'The schedule was switched off. An operator can set it again with `/rescan schedule`.',
        ),
      ),
      switchOff: true,
    };
  if (await ports.stopFileExists()) return refused(refusalMessage({ reason: 'stop-file', path: ports.stopFile }));
  const stopper = await ports.storedStop(plannedAt);
  if (stopper === undefined) return;
  return refused(
    say(`A stop was requested by ${mention(stopper)} after this time.`, 'Start the work by hand if it is needed.'),
  );
}

function startWork(schedule: Schedule, ports: StartScheduledPorts): Promise<StartResult> {
  switch (schedule.work.kind) {
    case 'backup':
      return startBackup(schedule, ports);
    case 'retry':
      return startRetry(schedule, ports);
    case 'rescan':
      return startRescan(schedule, ports);
  }
}

async function startBackup(schedule: Schedule, ports: StartScheduledPorts): Promise<StartResult> {
  const { by, work, id } = schedule;
  const note = work.words.length === 0 ? `schedule ${id}` : work.words.join(' ');
  const begun = await ports.tables.backup({ by, location: { channel: ports.channelOf(schedule) }, note });
  return begun.ok ? { kind: 'started', what: begun.value.id } : refused(tableRefusalMessage(begun.refusal));
}

async function startRetry(schedule: Schedule, ports: StartScheduledPorts): Promise<StartResult> {
  const { by, work } = schedule;
  const channel = ports.channelOf(schedule);
  const read = readRetryWords(work.words);
  if (!read.ok) return refused(say(read.line));
  const { setting: request, what, engine } = read.value;
  const run = await ports.runs.current();
  if (run?.state.kind === 'running') return refused(refusalMessage({ reason: 'run-active', run }));
  const planned = await ports.results.planRetry({
    request,
    what,
    paceSetting: ports.pace,
    ...defined({ engine }),
    by,
    channel,
  });
  if (!planned.ok) {
    const lines = linesOf(resultRefusalMessage(planned.refusal));
    return NOTHING_TO_RETRY.has(planned.refusal.reason) ? { kind: 'nothing-to-do', lines } : { kind: 'refused', lines };
  }
  return startPlan(planned.value, schedule, ports);
}

/** A plan that is not started is cancelled: nobody asked for it to wait. */
async function startPlan(plan: RunPlan, schedule: Schedule, ports: StartScheduledPorts): Promise<StartResult> {
  const { by } = schedule;
  const { runId, openRun } = plan;
  // Abandoning a run is a decision of a person.
  if (openRun) {
    await ports.runs.cancelPlan(runId, by);
    return refused(refusalMessage({ reason: 'run-open', run: openRun }));
  }
  const channel = ports.channelOf(schedule);
  let location: { channel: string; ts: string };
  try {
    location = { channel, ts: await ports.chat.post(channel, previewMessage(plan, { buttons: false })) };
    await ports.runs.setLocation(runId, location);
  } catch (error) {
    await ports.runs.cancelPlan(runId, by);
    throw error;
  }
  const refusal = await ports.starts.start(runId, by, { location, abandonOpen: false }).then(
    (started) => (started.ok ? undefined : started.refusal),
    (error: unknown): StartRefusal => {
      const fault = carriedFault(error);
      if (!fault) throw error;
      return { reason: 'maybe-started', runId, fault };
    },
  );
  if (!refusal) return { kind: 'started', what: `run ${runId}` };
  const cancelling = await settle(() => ports.runs.cancelPlan(runId, by));
  if (refusal.reason === 'maybe-started') {
    if (!cancelling.ok) return { kind: 'unknown', lines: linesOf(startRefusalMessage(refusal)) };
    // A plan that can be cancelled, or was abandoned by a stop, has not started.
    const gone = cancelling.value.ok ? undefined : cancelling.value.refusal;
    if (gone && !(gone.reason === 'plan-gone' && gone.state === 'abandoned'))
      return { kind: 'started', what: `run ${runId}` };
  } else if (!cancelling.ok) throw cancelling.refusal;
  await editGone(location, schedule, ports);
  return refused(refusal.reason === 'maybe-started' ? faultMessage(refusal.fault) : startRefusalMessage(refusal));
}

/** A rescan of a scope by the autopilot, which asks for the approval of the flush in the name of the person and waits. */
async function startRescan(schedule: Schedule, ports: StartScheduledPorts): Promise<StartResult> {
  const { by, work } = schedule;
  const { scope, autopilot, runs, tables } = ports;
  const channel = ports.channelOf(schedule);
  const request = readScopeRequest(work.words);
  if (!request.ok) return refused(say(request.line));
  const [active, run, job, before] = await Promise.all([
    autopilot.current(),
    runs.current(),
    tables.current(),
    scope.current(),
  ]);
  if (active?.state === 'running') return refused(autopilotRefusalMessage({ reason: 'active', record: active }));
  if (run?.state.kind === 'running') return refused(refusalMessage({ reason: 'run-active', run }));
  if (job) return refused(tableRefusalMessage({ reason: 'job-active', job }));
  // Somebody prepares another rescan: their scope stays.
  if (before && !isDeepStrictEqual({ ...before.criteria }, { ...criteriaOf(request.value) }))
    return refused(scheduledScopeMessage(before.by));
  const set = await scope.set(request.value, by);
  if (!set.ok) return refused(scopeRefusalMessage(set.refusal));
  const giveUp = async (message: Message): Promise<StartResult> => {
    if (!before) await scope.clear(by);
    return refused(message);
  };
  const planned = await autopilot.plan(by, { channel });
  if (!planned.ok) return giveUp(autopilotRefusalMessage(planned.refusal));
  const { id } = planned.value;
  let location: { channel: string; ts: string };
  try {
    const { blocks, ...plan } = autopilotPlanMessage(planned.value);
    const shown = { ...plan, blocks: blocks.filter(({ type }) => type !== 'actions') };
    location = { channel, ts: await ports.chat.post(channel, shown) };
    await autopilot.setLocation(id, location);
  } catch (error) {
    await autopilot.cancel(id, by);
    if (!before) await scope.clear(by);
    throw error;
  }
  const started = await autopilot.start(id, by);
  if (started.ok) return { kind: 'started', what: `autopilot ${id}` };
  await autopilot.cancel(id, by);
  await editGone(location, schedule, ports);
  return giveUp(autopilotRefusalMessage(started.refusal));
}

const editGone = (
  location: { channel: string; ts: string },
  schedule: Schedule,
  { chat, onError }: StartScheduledPorts,
): Promise<void> =>
  chat
    .edit(location, scheduledPlanGoneMessage(schedule))
    .catch((error: unknown) => onError(error, 'The plan of a scheduled run could not be edited.'));
