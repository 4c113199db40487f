import { succeed } from '../../../lib/result.ts';
import type { RunControl } from '../../../run/model/run-control.ts';
import { parsePace } from '../../../run/plan/pace-setting.ts';
import { code, escapeMrkdwn } from '../../messages/kit/escape.ts';
import { say } from '../../messages/kit/message.ts';
import { refusalMessage } from '../../messages/refusals/refusals.ts';
import { noRunYetMessage, paceNowMessage } from '../../messages/run/answers.ts';
import type { RunRequests } from '../../requests/run-requests.ts';
import { askToStop, type StatusPorts } from '../../requests/status.ts';
import { type StopPorts, stopWork } from '../../requests/stop-work.ts';
import { type Command, type CommandDescription, withoutArguments } from '../command.ts';
import { reject } from '../parse/options.ts';
import { plainValue, plainWord } from '../parse/typed.ts';

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
  read: withoutArguments('resume', {
    knownHalts: requests.knownHalts,
    execute: async ({ person, halts }) => (await requests.resume(person, halts)).message,
  }),
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

/** Stops what is in progress (see `stopWork`). */
export const stopCommand = (ports: StopPorts): Command => ({
  ...stopDescription,
  read(rest) {
    // Signs around `now` have no meaning: `stop NOW!!!`.
    const argument = plainWord(rest);
    const isNow = argument === 'now';
    return succeed({
      worksWithoutMembership: true,
      // People in a hurry mistype: whatever follows, a stop stays a stop. Only `now` changes what it does.
      ...(argument === '' || isNow ? {} : { immediateReply: ignoredArgumentMessage(argument) }),
      execute: ({ person }) => stopWork(person, { now: isNow }, ports),
    });
  },
});

export const haltDescription: CommandDescription = {
  word: 'halt',
  group: 'run',
  role: 'stopper',
  summary: 'ask whether to stop what is in progress, with one button; `abort` and `cancel` do the same',
  usage: 'halt',
  example: 'halt',
};

/** `halt`, `abort` and `cancel`: they may be meant as a stop, so they ask with one button. Whatever follows is ignored. */
export const haltCommand = (ports: Pick<StatusPorts, 'states' | 'clock'>): Command => ({
  ...haltDescription,
  read: () => succeed({ worksWithoutMembership: true, execute: () => askToStop(ports) }),
});

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
    const words = plainValue(rest).split(' ').filter(Boolean);
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
