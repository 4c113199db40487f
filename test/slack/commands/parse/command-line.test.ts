import { describe, expect, test } from 'vitest';
import { readCommandLine } from '../../../../src/slack/commands/parse/command-line.ts';

const WORDS = ['start', 'status', 'stop', 'help', 'flush', 'test-logging', 'retry', 'pace', 'logs'];
const read = (text: string) => {
  const { word, rest } = readCommandLine(text, WORDS);
  return [word, rest];
};

describe('the command line after /rescan', () => {
  test.each([
    'stop',
    'Stop',
    'STOP!!!',
    'stop.',
    '"stop"',
    '“stop”',
    '  *stop*  ',
    '`stop`',
    'stop?',
    'ＳＴＯＰ',
    'st\u200Bop',
    'stopp',
    'stp',
    'sotp',
    'stpo',
    '!stop',
    '¡stop!',
  ])('%j is a stop', (text) => {
    expect(read(text)).toEqual(['stop', '']);
  });

  test.each([
    ['stop—now', 'now'],
    ['stop-now', 'now'],
    ['stop, now!', 'now!'],
    ['STOP NOW', 'NOW'],
    ['stopnow', 'now'],
    ['stop please', 'please'],
  ])('%j is a stop with the argument %j', (text, rest) => {
    const [word, left = ''] = read(text);
    expect(word).toBe('stop');
    expect(left.trim()).toBe(rest);
  });

  test.each([
    ['', 'help', ''],
    ['...', 'help', ''],
    ['STATUS chart', 'status', 'chart'],
    ['status.', 'status', ''],
    ['test-logging', 'test-logging', ''],
    ['retry "week 12/a b.png" x', 'retry', '"week 12/a b.png" x'],
    ['start prefix="a/b" keep', 'start', 'prefix="a/b" keep'],
    ['strat', 'strat', ''],
    ['shutdown', 'shutdown', ''],
  ])('%j is the word %j with the rest %j', (text, word, rest) => {
    expect(read(text)).toEqual([word, rest]);
  });

  test('a word that is as near to another command as to stop is not taken for a stop', () => {
    expect(readCommandLine('step', ['stop', 'steps']).word).toBe('step');
  });
});
