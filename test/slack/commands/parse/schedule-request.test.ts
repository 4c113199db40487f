import { expect, test } from 'vitest';
import { splitArguments } from '../../../../src/slack/commands/parse/options.ts';
import { readScheduleWords } from '../../../../src/slack/commands/parse/schedule-request.ts';

function read(line: string) {
  const words = splitArguments(line);
  return words.ok ? readScheduleWords(words.value) : words;
}
const created = (line: string) => {
  const request = read(line);
  if (!request.ok) throw new Error(request.line);
  return request.value;
};

test.each([
  ['backup "0 2 * * *"', 'backup', [], '0 2 * * *'],
  ['backup 0 2 * * *', 'backup', [], '0 2 * * *'],
  ['backup “30 22 * * 1–5” before the week', 'backup', ['before', 'the', 'week'], '30 22 * * 1-5'],
  ['retry "0 3 * * *" type=TEXTRACT_ERROR', 'retry', ['type=TEXTRACT_ERROR'], '0 3 * * *'],
  ['retry "a b.png" "0 3 * * mon"', 'retry', ['a b.png'], '0 3 * * mon'],
  ['rescan people="Ana Bel, Bob Ray" "0 4 * * 1"', 'rescan', ['people=Ana Bel, Bob Ray'], '0 4 * * 1'],
  ['rescan "0 4 * * 1" failed', 'rescan', ['failed'], '0 4 * * 1'],
])('%s is a new schedule', (line, kind, words, cron) => {
  expect(created(line)).toEqual({ kind: 'create', work: { kind, words }, cron });
});

test('a zone keeps its spelling', () => {
  expect(created('backup "0 2 * * *" tz=Europe/Berlin')).toMatchObject({ zone: 'Europe/Berlin', cron: '0 2 * * *' });
  expect(created('backup TZ="America/New_York" "0 2 * * *"')).toMatchObject({ zone: 'America/New_York' });
});

test.each([
  ['', { kind: 'list' }],
  ['List.', { kind: 'list' }],
  ['off sc-ghjk', { kind: 'off', id: 'sc-ghjk' }],
  ['pause SC-GHJK.', { kind: 'off', id: 'sc-ghjk' }],
  ['on sc-ghjk', { kind: 'on', id: 'sc-ghjk' }],
  ['resume sc-ghjk', { kind: 'on', id: 'sc-ghjk' }],
  ['remove “sc-ghjk”', { kind: 'remove', id: 'sc-ghjk' }],
])('"%s" is understood', (line, request) => {
  expect(read(line)).toEqual({ ok: true, value: request });
});

test.each([
  ['pause', /takes the id of one schedule.*No run was paused or resumed/],
  ['resume', /No run was paused or resumed/],
  ['off sc-a sc-b', /takes the id of one schedule/],
  ['list all', /has no options/],
  ['flush "0 2 * * *"', /does not take `flush`/],
  ['restore "0 2 * * *"', /does not take `restore`/],
  ['start "0 2 * * *"', /does not take `start`/],
  ['backup', /cron expression of five fields is missing/],
  ['rescan "0 2 * * *"', /needs a scope/],
  ['rescan people="Ana" nonsense "0 2 * * *"', /Unknown argument `nonsense`/],
  ['rescan from=2025-13-01 "0 2 * * *"', /is not a day/],
  ['retry type=NONE "0 2 * * *"', /There is no type/],
  ['backup "0 2 * * *" tz=', /has no value/],
])('"%s" is refused and says why', (line, why) => {
  const request = read(line);
  expect(request.ok).toBe(false);
  if (!request.ok) expect(request.line).toMatch(why);
});

test('an expression with too few or too many fields is left to its reader, which says how many it has', () => {
  expect(created('backup "0 2 * *"')).toMatchObject({ cron: '0 2 * *' });
  expect(created('backup "0 0 2 * * *"')).toMatchObject({ cron: '0 0 2 * * *' });
});
