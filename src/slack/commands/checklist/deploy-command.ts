import { succeed } from '../../../lib/result.ts';
import type { DeployForms } from '../../forms/deploy-forms.ts';
import { code } from '../../messages/kit/escape.ts';
import type { Command, CommandDescription } from '../command.ts';
import { readOptions, reject, splitArguments } from '../parse/options.ts';
import { objectKey, plainWord } from '../parse/typed.ts';

export const deployDescription: CommandDescription = {
  word: 'deploy',
  group: 'prepare',
  role: 'operator',
  summary: 'add failure logging to the function, optionally with a new version of your code; or roll back',
  usage: 'deploy | deploy from=s3://control-bucket/key.zip | deploy rollback',
  options: [
    ['from=s3://control-bucket/key.zip', 'a new version of your code to deploy with it, from the control bucket'],
    ['rollback', 'restore the code, handler and environment from before the last deploy'],
  ],
  example: 'deploy',
};

export const deployCommand = (forms: Pick<DeployForms, 'openDeploy' | 'openRollback'>): Command => ({
  ...deployDescription,
  read(rest) {
    const words = splitArguments(rest);
    if (!words.ok) return words;
    if (words.value.length === 1 && plainWord(words.value[0] ?? '') === 'rollback')
      return succeed({ execute: (requester) => forms.openRollback(requester.triggerId ?? '', requester) });
    const options = readOptions(words.value, ['from']);
    if (!options.ok) return options;
    const from = options.value.get('from');
    const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/i.exec(objectKey(from ?? '')) ?? [];
    if (from !== undefined && (bucket === undefined || key === undefined))
      return reject(`\`from=\` must be \`s3://bucket/key.zip\`, not ${code(from, 100)}.`);
    const given = bucket === undefined || key === undefined ? undefined : ({ kind: 's3', bucket, key } as const);
    return succeed({ execute: (requester) => forms.openDeploy(requester.triggerId ?? '', given, requester) });
  },
});
