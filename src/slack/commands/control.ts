import type { AutopilotControl } from '../../checklist/contracts/autopilot-control.ts';
import type { TableControl } from '../../checklist/contracts/table-control.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import { parsePace } from '../../run/plan/pace-setting.ts';
import { autopilotStoppedMessage } from '../messages/checklist/autopilot-message.ts';
import { code, escapeMrkdwn } from '../messages/kit/escape.ts';
import { say } from '../messages/kit/message.ts';
import { refusalMessage } from '../messages/refusals/refusals.ts';
import { noRunYetMessage, paceNowMessage } from '../messages/run/answers.ts';
import { stoppingJobMessage } from '../messages/table/table-messages.ts';
import { tableRefusalMessage } from '../messages/table/table-refusals.ts';
import type { RunRequests } from '../requests/run-requests.ts';
import { type Command, withoutArguments } from './command.ts';

/** The words that act on the run that is there. */
export const pauseCommand = (requests: RunRequests): Command => ({
  word: 'pause',
  role: 'operator',
  usage: 'pause',
  help: 'start no more images; what is in flight is waited for',
  read: withoutArguments('pause', {
    worksWithoutMembership: true,
    execute: async ({ person }) => (await requests.pause(person)).message,
  }),
});

export const resumeCommand = (requests: RunRequests): Command => ({
  word: 'resume',
  role: 'operator',
  usage: 'resume',
  help: 'go on with a run that was paused, stopped, tripped or interrupted',
  read: withoutArguments('resume', { execute: async ({ person }) => (await requests.resume(person)).message }),
});

/**
 * Stops what is under way: the run, a flush or restore, or the autopilot between two of these. All are asked side by side: a
 * restore after a trip stops though that run is still open, and what cannot be read of the one keeps none of the others going.
 */
export const stopCommand = (
  requests: Pick<RunRequests, 'stop'>,
  tables: Pick<TableControl, 'stop' | 'withdrawApproved'>,
  autopilot: Pick<AutopilotControl, 'stop'>,
): Command => ({
  word: 'stop',
  role: 'operator',
  usage: 'stop [now]',
  help: 'stop the run, the flush or restore under way, or the autopilot; with `now` without waiting for what is in flight',
  read(rest) {
    const word = rest.trim().toLowerCase();
    return {
      ok: true,
      value: {
        worksWithoutMembership: true,
        // Somebody in a hurry mistypes: a stop that was meant is a stop. Only `now` must be said as it is.
        ...(word === '' || word === 'now' ? {} : { immediateReply: notUnderstoodMessage(word) }),
        async execute({ person }) {
          const [run, job, withdrawn] = await Promise.allSettled([
            requests.stop(person, { now: word === 'now' }),
            tables.stop(person),
            // Approved a moment ago, and looking whether it may begin: it finds that it may not.
            tables.withdrawApproved(person),
          ]);
          const [taken] = withdrawn.status === 'fulfilled' ? withdrawn.value : [];
          const stopping = job.status === 'fulfilled' && job.value.ok ? job.value.value : undefined;
          if (stopping && stopping.id !== taken?.id) return stoppingJobMessage(stopping);
          if (run.status === 'fulfilled' && run.value.done) return run.value.message;
          const piloting = await autopilot.stop(person);
          if (piloting.ok) return autopilotStoppedMessage(piloting.value);
          if (taken) return say(`The ${taken.action} that was approved had not begun: it does not begin any more.`);
          if (run.status === 'rejected') throw run.reason;
          if (job.status === 'rejected') throw job.reason;
          const { value: answer } = job;
          return answer.ok || answer.refusal.reason === 'no-job'
            ? run.value.message
            : tableRefusalMessage(answer.refusal);
        },
      },
    };
  },
});

const notUnderstoodMessage = (word: string) =>
  say(
    `${code(word, 60)} is not understood. Stopping all the same; \`/rescan stop now\` does not wait for what is in flight.`,
  );

export const paceCommand = (requests: RunRequests, runs: Pick<RunControl, 'current'>): Command => ({
  word: 'pace',
  role: 'operator',
  usage: 'pace 60 | auto | batch=20 delay=30s',
  help: 'set how many images a minute may start; alone it tells the pace',
  read(rest) {
    const words = rest.trim().split(/\s+/).filter(Boolean);
    if (words.length === 0)
      return {
        ok: true,
        value: {
          async execute() {
            const run = await runs.current();
            if (!run) return noRunYetMessage();
            if (run.state.kind === 'completed' || run.state.kind === 'abandoned')
              return refusalMessage({ reason: 'not-running', run });
            return paceNowMessage(run, run.paceSetting);
          },
        },
      };
    const pace = parsePace(words);
    if (!pace.ok) return { ok: false, line: escapeMrkdwn(pace.reason) };
    return {
      ok: true,
      value: { execute: async ({ person }) => (await requests.setPace(person, pace.setting)).message },
    };
  },
});
