import { describe, expect, test } from 'vitest';
import { readCommandLine } from '../../../../src/slack/commands/parse/command-line.ts';

const WORDS = ['start', 'status', 'stop', 'halt', 'help', 'flush', 'test-logging', 'retry', 'pace', 'logs', 'backup'];
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

  test.each([
    'halt',
    'HALT!!!',
    'Abort.',
    '“cancel”',
    '‘Cancel’',
    'abort—now',
    'cancel the run',
    'haltt',
    'abrot',
    'cancle',
    '\u2066abort\u2069',
    'ａｂｏｒｔ',
  ])('%j asks whether to stop', (text) => {
    expect(read(text)[0]).toBe('halt');
  });

  test.each([
    ['Test–logging', 'test-logging', ''],
    ['test\u2011logging.', 'test-logging', ''],
    ['test logging', 'test-logging', ''],
    ['Status—chart', 'status', 'chart'],
    ['backup\u00A0Native.', 'backup', 'Native.'],
    ['Backup\u202Fb\u202Fc', 'backup', 'b\u202Fc'],
    ['“Status”.', 'status', ''],
    ['retry a\u202Fb.png', 'retry', 'a\u202Fb.png'],
    ['ｒｅｔｒｙ Ａ.png', 'retry', 'Ａ.png'],
  ])('%j, as a phone or a word processor writes it, is the word %j with the rest %j', (text, word, rest) => {
    expect(read(text)).toEqual([word, rest]);
  });
});
