import { expect, test } from 'vitest';
import { COMMAND_GROUPS } from '../../../src/slack/commands/command.ts';
import { COMMANDS } from '../../../src/slack/commands/commands.ts';
import { helpCommand } from '../../../src/slack/commands/help-command.ts';

const help = (topic: string): string => {
  const read = helpCommand(COMMANDS).read(topic);
  return read.ok ? (read.value.immediateReply?.text ?? '') : read.line;
};

test('help without a topic shows the five most used commands and one line for each of the six groups', () => {
  const text = help('');
  for (const word of ['status', 'stop', 'autopilot', 'start', 'failures'])
    expect(text).toContain(`• \`/rescan ${word}\`: `);
  expect(COMMAND_GROUPS).toHaveLength(6);
  for (const group of COMMAND_GROUPS) expect(text).toContain(`• *${group}* (`);
  expect(text.split('\n').length).toBeLessThan(20);
});

test('help about a command shows usage, options, an example and who may use it', () => {
  expect(help('flush').split('\n')).toEqual([
    '/rescan flush: delete the records of the table after a second person approves; every one is in a backup.',
    'Usage:',
    '• `/rescan flush [kinds=failed] [backup=ID]`',
    '• `/rescan flush recreate [backup=ID]`',
    'Options:',
    '• `recreate`: delete the table itself and create it anew with the same settings: for very large tables; it does not exist for about a minute',
    '• `kinds=failed`: delete only the records of failed images',
    '• `backup=ID`: rely on this backup in place of the newest verified one',
    'Example: `/rescan flush`',
    'Who may use it: operators and approvers.',
  ]);
  expect(help('"FLUSH!"')).toBe(help('flush'));
  expect(help('/rescan flush')).toBe(help('flush'));
});

test('help about every command lists every form of its usage in a line of its own', () => {
  for (const { word, usage } of COMMANDS) {
    const forms = help(word)
      .split('\n')
      .filter((line) => line.startsWith('• `/rescan '));
    expect(forms.map((line) => line.slice(3 + '/rescan '.length, -1)).join(' | ')).toBe(usage);
    for (const form of forms) expect(form).toContain(`• \`/rescan ${word}`);
  }
});

test('help about a group lists its commands', () => {
  expect(help('results')).toContain('• `/rescan diff`: ');
  expect(help('results')).not.toContain('/rescan flush`');
});

test('help about an unknown topic suggests the nearest one', () => {
  expect(help('flsh')).toBe(
    'There is no help about `flsh`.\nDid you mean `/rescan help flush`? See all commands with `/rescan help`.',
  );
});
