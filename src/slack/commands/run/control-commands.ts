import type { AutopilotControl } from '../../../checklist/contracts/autopilot-control.ts';
import type { TableControl } from '../../../checklist/contracts/table-control.ts';
import { succeed } from '../../../lib/result.ts';
import type { RunControl } from '../../../run/model/run-control.ts';
import { parsePace } from '../../../run/plan/pace-setting.ts';
import { autopilotStoppedMessage } from '../../messages/checklist/autopilot-message.ts';
import { code, escapeMrkdwn } from '../../messages/kit/escape.ts';
import { say } from '../../messages/kit/message.ts';
import { refusalMessage } from '../../messages/refusals/refusals.ts';
import { noRunYetMessage, paceNowMessage } from '../../messages/run/answers.ts';
import { stoppingJobMessage } from '../../messages/table/table-messages.ts';
import { tableRefusalMessage } from '../../messages/table/table-refusals.ts';
import type { RunRequests } from '../../requests/run-requests.ts';
import { type Command, type CommandDescription, withoutArguments } from '../command.ts';
import { reject } from '../parse/options.ts';

export const pauseDescription: CommandDescription = {
  word: 'pause',
  group: 'run',
  role: 'stopper',
  summary: 'start no more images; wait for the images in progress',
  usage: 'pause',
  example: 'pause',
};

/** The commands that control the current run. */
export const pauseCommand = (requests: RunRequests): Command => ({
  ...pauseDescription,
  read: withoutArguments('pause', {
    worksWithoutMembership: true,
    execute: async ({ person }) => (await requests.pause(person)).message,
  }),
});

export const resumeDescription: CommandDescription = {
  word: 'resume',
  group: 'run',
  role: 'operator',
  summary: 'continue a run that was paused or stopped, stopped itself or was interrupted',
  usage: 'resume',
  example: 'resume',
};

export const resumeCommand = (requests: RunRequests): Command => ({
  ...resumeDescription,
  read: withoutArguments('resume', { execute: async ({ person }) => (await requests.resume(person)).message }),
});

export const stopDescription: CommandDescription = {
  word: 'stop',
  group: 'run',
  role: 'stopper',
  summary: 'stop the run, the flush or restore in progress, or the autopilot',
  usage: 'stop [now]',
  options: [['now', 'do not wait for the images in progress; a resume invokes them again']],
  example: 'stop',
};

/**
 * Stops what is in progress: the run, a flush or restore, or the autopilot between two of these. All are asked at the same time, so
 * that a restore after a trip stops although that run is still open, and what cannot be read of one does not keep the others from
 * stopping.
 */
export const stopCommand = (
  requests: Pick<RunRequests, 'stop'>,
  tables: Pick<TableControl, 'stop' | 'withdrawApproved'>,
  autopilot: Pick<AutopilotControl, 'stop'>,
): Command => ({
  ...stopDescription,
  read(rest) {
    // Signs around `now` have no meaning: `stop NOW!!!`.
    const argument = rest.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '').toLowerCase();
    const isNow = argument === 'now';
    return succeed({
      worksWithoutMembership: true,
      // People in a hurry mistype: whatever follows, a stop stays a stop. Only `now` changes what it does.
      ...(argument === '' || isNow ? {} : { immediateReply: ignoredArgumentMessage(argument) }),
      async execute({ person }) {
        const [run, firstJob, withdrawn] = await Promise.allSettled([
          requests.stop(person, { now: isNow }),
          tables.stop(person),
          // Approved a moment ago and not started yet: it must not start any more.
          tables.withdrawApproved(person),
        ]);
        // Another copy may have stored its job after the first look and used the approval before it could be withdrawn.
        const job = isFound(firstJob) ? firstJob : (await Promise.allSettled([tables.stop(person)]))[0];
        const [taken] = withdrawn.status === 'fulfilled' ? withdrawn.value : [];
        const stopping = job.status === 'fulfilled' && job.value.ok ? job.value.value : undefined;
        if (stopping && stopping.id !== taken?.id) return stoppingJobMessage(stopping);
        if (run.status === 'fulfilled' && run.value.done) return run.value.message;
        const piloting = await autopilot.stop(person);
        if (piloting.ok) return autopilotStoppedMessage(piloting.value);
        if (taken) return say(`The ${taken.action} was approved but had not started. It will not start any more.`);
        if (run.status === 'rejected') throw run.reason;
        if (job.status === 'rejected') throw job.reason;
        const { value: answer } = job;
        return answer.ok || answer.refusal.reason === 'no-job'
          ? run.value.message
          : tableRefusalMessage(answer.refusal);
      },
    });
  },
});

const isFound = (answer: PromiseSettledResult<Awaited<ReturnType<TableControl['stop']>>>): boolean =>
  answer.status === 'fulfilled' && answer.value.ok;

const ignoredArgumentMessage = (argument: string) =>
  say(`Stopping. (Ignored: ${code(argument, 60)}. \`/rescan stop now\` does not wait for images in progress.)`);

export const paceDescription: CommandDescription = {
  word: 'pace',
  group: 'run',
  role: 'operator',
  summary: 'change how many images start a minute; without a value it shows the pace',
  usage: 'pace [60 | auto | batch=20 delay=30s]',
  options: [
    ['60', 'images a minute'],
    ['auto', 'as fast as the quotas allow'],
    ['batch=20 delay=30s', 'the notation of the runbook (here 40 a minute)'],
  ],
  example: 'pace 60',
};

export const paceCommand = (requests: RunRequests, runs: Pick<RunControl, 'current'>): Command => ({
  ...paceDescription,
  read(rest) {
    const words = rest.trim().split(/\s+/).filter(Boolean);
    if (words.length === 0)
      return succeed({
        async execute() {
          const run = await runs.current();
          if (!run) return noRunYetMessage();
          if (run.state.kind === 'completed' || run.state.kind === 'abandoned')
            return refusalMessage({ reason: 'not-running', run });
          return paceNowMessage(run, run.paceSetting);
        },
      });
    const pace = parsePace(words);
    if (!pace.ok) return reject(escapeMrkdwn(pace.refusal));
    return succeed({ execute: async ({ person }) => (await requests.setPace(person, pace.value)).message });
  },
});
