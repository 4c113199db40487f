import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../../src/slack/commands/commands.ts';
import { createScriptedRunControl, runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { createIntakeRig } from '../../support/rigs/intake-rig.ts';

/** What a line does: every call that it makes, with its arguments, and the first line of each answer. */
async function done(line: string) {
  const rig = createIntakeRig({ runs: createScriptedRunControl({ firstRun: runSnapshot() }) });
  const { calls, heard } = await rig.command('U0APPROVER', line);
  return {
    calls: calls.filter(({ name }) => !name.startsWith('slack.')),
    heard: heard.map(({ text }) => text.split('\n')[0]),
  };
}

/** How phones and word processors change a line. Values such as keys and names stay as they are typed. */
const CHANGES: Readonly<Record<string, (line: string) => string>> = {
  'with a capital first letter': (line) => line.charAt(0).toUpperCase() + line.slice(1),
  'with non-breaking spaces': (line) => line.replaceAll(' ', '\u00A0'),
  'with narrow spaces': (line) => line.replaceAll(' ', '\u202F'),
  'with a full stop behind': (line) => `${line}.`,
  'with an invisible sign in front and a space behind': (line) => `\u2066\u200B${line} `,
};
const WORDS_ONLY: Readonly<Record<string, (line: string) => string>> = {
  'in capitals': (line) => line.toUpperCase(),
  'with smart dashes': (line) => line.replaceAll('-', '\u2011'),
  'in smart quotes': (line) => line.replace(/\S+$/, (word) => `“${word}”`),
};

/** Lines that consist of words of the bot only: each of them in any spelling. */
const PLAIN = [
  'autopilot go',
  'autopilot stop',
  'checklist c-0001',
  'quotas',
  'deploy rollback',
  'test-logging',
  'sample',
  'engine',
  'engine install',
  'backup native',
  'backup export',
  'backups verify b-abc123',
  'backups prune keep=5',
  'flush recreate',
  'flush kinds=failed',
  'restore backup=b-abc123',
  'start keep limit=50 pace=60',
  'status chart',
  'pace auto',
  'pace 60',
  'resume',
  'pause',
  'close',
  'history',
  'retry type=textract_error',
  'validate r-0001 seed=7',
  'diff b-abc123',
  'diagnose',
  'failures',
  'export run r-0142',
  'logs errors minutes=60',
  'audit verify',
  'scope clear',
  'schedule list',
  'schedule off sc-ghjk',
  'schedule remove sc-ghjk',
  'use prod',
  'help',
];
/** Lines with values that people write themselves: only what surrounds them changes. */
const WITH_TEXT = [
  'schedule retry type=TEXTRACT_ERROR "30 4 * * 1-5"',
  'schedule backup "30 4 * * 1-5" tz=Europe/Berlin',
  'start prefix=Week_12/ limit=50',
  'retry Week/Ana.png',
  'logs image=Week/Ana.png',
  'override sample because it was tested',
];

describe('typed on a phone', () => {
  test('every command that does something when it is spelled plainly is tried here', () => {
    const tried = new Set([...PLAIN, ...WITH_TEXT, 'stop', 'halt'].map((line) => line.split(' ')[0]));
    expect(COMMANDS.map(({ word }) => word).filter((word) => !tried.has(word))).toEqual([]);
  });

  test.each([
    ...PLAIN.flatMap((line) =>
      Object.entries({ ...CHANGES, ...WORDS_ONLY }).map(([how, change]) => [line, how, change] as const),
    ),
    ...WITH_TEXT.flatMap((line) => Object.entries(CHANGES).map(([how, change]) => [line, how, change] as const)),
  ])('%s %s does the same', async (line, _how, change) => {
    const plain = await done(line);
    const changed = await done(change(line));
    expect(plain.calls.length > 0).toBe(line !== 'help');
    // A reason and a note are kept as they were typed.
    if (!line.startsWith('override')) expect(changed.calls).toEqual(plain.calls);
    else expect(changed.calls.map(({ name }) => name)).toEqual(plain.calls.map(({ name }) => name));
    expect(changed.heard.length).toBe(plain.heard.length);
  });

  test('`backup Native` is DynamoDB’s own backup, and not a backup with the note Native', async () => {
    for (const line of ['backup Native', 'Backup “native”.', 'BACKUP\u00A0NATIVE'])
      expect((await done(line)).calls.map(({ name }) => name)).toContain('tables.nativeBackup');
    expect((await done('backup native tables')).calls.map(({ name }) => name)).toContain('tables.backup');
  });
});
