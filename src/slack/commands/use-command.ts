import { succeed } from '../../lib/result.ts';
import { say } from '../messages/kit/message.ts';
import type { PipelineChoice } from '../requests/choose-pipeline.ts';
import type { Command, CommandDescription } from './command.ts';
import { reject } from './parse/options.ts';
import { plainWord } from './parse/typed.ts';

export const useDescription: CommandDescription = {
  word: 'use',
  group: 'rescan',
  // The pipeline that is chosen decides who may choose it.
  role: 'viewer',
  summary: 'show which pipeline this channel belongs to, or choose one of several (operators of that pipeline)',
  usage: 'use [NAME]',
  options: [['NAME', 'the name of a pipeline in the file of pipelines']],
  example: 'use prod',
};

export const useCommand = (choice: PipelineChoice): Command => ({
  ...useDescription,
  read(rest) {
    const name = plainWord(rest);
    if (name === '') return succeed({ execute: ({ person, channel }) => choice.show(person, channel) });
    if (/\s/.test(name)) return reject('The name of a pipeline is one word.');
    return succeed({
      immediateReply: say('Checking…'),
      changesState: true,
      isAudited: true,
      execute: ({ person, channel }) => choice.use(person, channel, name),
    });
  },
});
