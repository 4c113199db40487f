import { succeed } from '../../../lib/result.ts';
import type { EngineControl } from '../../../run/engines/step-functions/install.ts';
import { engineMessage, installMessage, installRefusal } from '../../messages/run/engine-message.ts';
import type { Command, CommandDescription } from '../command.ts';
import { reject } from '../parse/options.ts';
import { isBlank, plainWord } from '../parse/typed.ts';

export const engineDescription: CommandDescription = {
  word: 'engine',
  group: 'prepare',
  role: 'viewer',
  summary: 'show which engine runs use and whether the state machine of AWS Step Functions is installed; or install it',
  usage: 'engine | engine install',
  options: [['install', 'create or update the state machine, after a confirmation that says what changes']],
  example: 'engine',
};

export const engineCommand = ({ engine }: { readonly engine: EngineControl }): Command => ({
  ...engineDescription,
  read(rest) {
    if (isBlank(rest))
      return succeed({
        execute: async () => engineMessage(await engine.report()),
      });
    if (plainWord(rest.trim()) !== 'install')
      return reject('Use `/rescan engine`, or `/rescan engine install` to create or update the state machine.');
    return succeed({
      role: 'operator',
      async execute() {
        const report = await engine.report();
        const { installation, obstacle } = report;
        if (installation.kind === 'current' && installation.changes.length === 0)
          return installMessage({ kind: 'unchanged', report });
        return obstacle ? installRefusal(obstacle, report) : engineMessage(report);
      },
    });
  },
});
