import fc from 'fast-check';
import { createTask } from 'node-cron';
import { afterAll, describe, expect, test } from 'vitest';
import { type Cron, readCron } from '../../../src/checklist/schedules/cron.ts';
import { CATCH_UP_MS, decideDue, nextTimes, plannedTimes } from '../../../src/checklist/schedules/planned-times.ts';
import { type TimeZone, timeZoneOf } from '../../../src/lib/time-zone.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

function cronOf(expression: string): Cron {
  const read = readCron(expression);
  if (!read.ok) throw new Error(`${expression}: ${JSON.stringify(read.refusal)}`);
  return read.value;
}
function zoneOf(name: string): TimeZone {
  const zone = timeZoneOf(name);
  if (!zone) throw new Error(name);
  return zone;
}
const BERLIN = zoneOf('Europe/Berlin');
const LORD_HOWE = zoneOf('Australia/Lord_Howe');
const iso = (ms: number) => new Date(ms).toISOString().slice(0, 16);
const next = (expression: string, zone: TimeZone, after: string, most: number) =>
  nextTimes(cronOf(expression), zone, Date.parse(`${after}Z`), most).map(iso);

describe('a cron expression', () => {
  test.each([
    ['0 2 * *', 'fields'],
    ['0 0 2 * * *', 'fields'],
    ['@daily', 'fields'],
    ['0 26 * * *', 'invalid'],
    ['0 2 L * *', 'only-numbers'],
    ['0 2 * * 5#2', 'only-numbers'],
    ['0 2 13 * 5', 'two-kinds-of-day'],
    ['*/5 * * * *', 'too-often'],
    ['0,10 2 * * *', 'too-often'],
    ['0,55 0,23 * * *', 'too-often'],
    ['0 2 30 2 *', 'invalid'],
    ['0 2 31 4,6 *', 'invalid'],
  ])('%s is refused: %s', (expression, kind) => {
    expect(readCron(expression)).toMatchObject({ ok: false, refusal: { kind } });
  });

  test.each(['0 2 * * *', '*/15 * * * *', '0 2 29 2 *', '30 22 * * mon-fri', '0 2 1,15 * *'])('%s is taken', (line) => {
    expect(readCron(line).ok).toBe(true);
  });
});

describe('the planned times', () => {
  test('are times of the clocks in the zone, in winter and in summer', () => {
    expect(next('0 2 * * *', BERLIN, '2026-01-10T12:00', 2)).toEqual(['2026-01-11T01:00', '2026-01-12T01:00']);
    expect(next('0 2 * * *', BERLIN, '2026-07-10T12:00', 2)).toEqual(['2026-07-11T00:00', '2026-07-12T00:00']);
  });

  test('a time that the clocks skip is planned for the first minute after it, once', () => {
    // On 29 March 2026 the clocks of Berlin go from 01:59 to 03:00, at 01:00 UTC.
    expect(next('30 2 * * *', BERLIN, '2026-03-28T12:00', 2)).toEqual(['2026-03-29T01:00', '2026-03-30T00:30']);
    expect(next('0,20,40 2,3 * * *', BERLIN, '2026-03-29T00:00', 3)).toEqual([
      '2026-03-29T01:00',
      '2026-03-29T01:20',
      '2026-03-29T01:40',
    ]);
  });

  test('a time that the clocks show twice is planned for the first of both', () => {
    // On 25 October 2026 the clocks of Berlin go from 02:59 to 02:00, at 01:00 UTC.
    expect(next('30 2 * * *', BERLIN, '2026-10-24T12:00', 2)).toEqual(['2026-10-25T00:30', '2026-10-26T01:30']);
    expect(next('0 * * * *', BERLIN, '2026-10-24T23:30', 3)).toEqual([
      '2026-10-25T00:00',
      '2026-10-25T02:00',
      '2026-10-25T03:00',
    ]);
  });

  test('29 February is found years ahead', () => {
    expect(next('0 2 29 2 *', zoneOf('UTC'), '2096-03-01T00:00', 1)).toEqual(['2104-02-29T02:00']);
  });
});

/** node-cron itself says for a minute whether it matches. */
const oracles = new Map<string, ReturnType<typeof createTask>>();
function oracleOf(expression: string, timezone: string) {
  const name = `${expression} ${timezone}`;
  const task = oracles.get(name) ?? createTask(expression, () => {}, { timezone });
  oracles.set(name, task);
  return task;
}
afterAll(async () => {
  for (const task of oracles.values()) await task.destroy();
});

/** Each local time of the expression in order, by looking at every minute or step of the days around the two transitions. */
function bruteForce(
  expression: string,
  zone: TimeZone,
  { from, until, stepMs = MINUTE_MS }: { from: number; until: number; stepMs?: number },
): readonly number[] {
  const task = oracleOf(expression, zone.name);
  const found: number[] = [];
  const shown = new Set<number>();
  let before = zone.localAt(from);
  for (let at = from + stepMs; at <= until; at += stepMs) {
    const local = zone.localAt(at);
    const isNew = !shown.has(local);
    shown.add(local);
    // What the clocks were set forward over, as the task sees the same times of a day in UTC.
    const utc = oracleOf(expression, 'UTC');
    let isSkipped = false;
    for (let over = before + stepMs; over < local; over += stepMs) isSkipped ||= utc.match(new Date(over));
    if ((isNew && task.match(new Date(at))) || isSkipped) found.push(at);
    before = local;
  }
  return found;
}

const TRANSITIONS: readonly (readonly [TimeZone, string])[] = [
  [BERLIN, '2026-03-29'],
  [BERLIN, '2026-10-25'],
  // Half an hour.
  [LORD_HOWE, '2026-04-05'],
  [LORD_HOWE, '2026-10-04'],
];
const field = (of: fc.Arbitrary<string>) =>
  fc.oneof({ weight: 1, arbitrary: fc.constant('*') }, { weight: 3, arbitrary: of });
const expressions = fc
  .tuple(
    fc.constantFrom('0', '30', '15,45', '*/15', '*/20', '7', '59', '0,30'),
    field(fc.constantFrom('0-3', '1,2,3', '2', '*/2', '23', '0')),
    fc.constantFrom('* * *', '* 3,10 *', '* * 0', '* * 1-5', '29 * *', '4,25 * *'),
  )
  .map((parts) => parts.join(' '))
  .filter((expression) => readCron(expression).ok);

test('around every change of the clocks the planned times are those that a look at each minute finds', () => {
  fc.assert(
    fc.property(
      expressions,
      fc.constantFrom(...TRANSITIONS),
      fc.integer({ min: 0, max: 12 * 60 }),
      (line, change, ahead) => {
        const [zone, day] = change;
        const from = Date.parse(`${day}T00:00Z`) - DAY_MS - ahead * MINUTE_MS;
        const until = from + 3 * DAY_MS;
        const found: number[] = [];
        for (const planned of plannedTimes(cronOf(line), zone, from)) {
          if (planned > until) break;
          found.push(planned);
        }
        expect(found.map(iso)).toEqual(bruteForce(line, zone, { from, until }).map(iso));
      },
    ),
    { numRuns: 25 },
  );
});

test.each([
  ['30 2 * * *', BERLIN],
  ['*/30 1-3 * * *', LORD_HOWE],
])('%s in a whole year with both changes of the clocks is what a look at each half hour finds', (line, zone) => {
  const [from, until] = [Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1)];
  const found: number[] = [];
  for (const planned of plannedTimes(cronOf(line), zone, from)) {
    if (planned > until) break;
    found.push(planned);
  }
  expect(found).toEqual(bruteForce(line, zone, { from, until, stepMs: 30 * MINUTE_MS }));
});

describe('what is due', () => {
  const daily = cronOf('0 2 * * *');
  const utc = zoneOf('UTC');
  const at = (text: string) => Date.parse(`${text}Z`);
  const decide = (doneUntil: string, now: string, cron = daily) =>
    decideDue(cron, utc, { doneUntil: at(doneUntil), now: at(now) });

  test('nothing is due before the planned time, and it is due at it', () => {
    expect(decide('2026-05-01T02:00', '2026-05-02T01:59')).toEqual({ next: at('2026-05-02T02:00') });
    expect(decide('2026-05-01T02:00', '2026-05-02T02:00')).toEqual({
      due: at('2026-05-02T02:00'),
      next: at('2026-05-03T02:00'),
    });
  });

  test('a time that is less than an hour late is carried out, one of an hour ago was missed', () => {
    expect(decide('2026-05-01T02:00', '2026-05-02T02:59').due).toBe(at('2026-05-02T02:00'));
    const late = decide('2026-05-01T02:00', '2026-05-02T03:00');
    expect(late.due).toBeUndefined();
    expect(late.missed).toEqual({
      count: 1,
      isCut: false,
      first: at('2026-05-02T02:00'),
      last: at('2026-05-02T02:00'),
    });
  });

  test('of several passed times the newest is carried out and the others are missed at once', () => {
    expect(decide('2026-05-02T00:00', '2026-05-02T02:05', cronOf('*/30 * * * *'))).toMatchObject({
      due: at('2026-05-02T02:00'),
      missed: { count: 3, first: at('2026-05-02T00:30'), last: at('2026-05-02T01:30') },
    });
  });

  test('after months only the last 31 days are counted, and the count says that there were more', () => {
    expect(decide('2026-01-01T00:00', '2026-05-02T12:00').missed).toMatchObject({ count: 31, isCut: true });
  });

  test('a clock that was set back makes nothing due again', () => {
    expect(decide('2026-05-02T02:00', '2026-05-01T02:00')).toEqual({ next: at('2026-05-03T02:00') });
  });

  test('over any looks at any times each planned time is dealt with exactly once, and one look carries out at most one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -90, max: 500 }), { minLength: 1, maxLength: 25 }),
        fc.constantFrom('*/15 * * * *', '0 2 * * *', '30 */3 * * *'),
        (steps, line) => {
          const cron = cronOf(line);
          const start = Date.UTC(2026, 2, 28);
          let now = start;
          let doneUntil = start;
          let dealtWith = 0;
          for (const step of steps) {
            now += step * MINUTE_MS;
            const { due, missed } = decideDue(cron, BERLIN, { doneUntil, now });
            if (due !== undefined) expect(now - due).toBeLessThan(CATCH_UP_MS);
            dealtWith += (due === undefined ? 0 : 1) + (missed?.count ?? 0);
            doneUntil = Math.max(doneUntil, due ?? doneUntil, missed?.last ?? doneUntil);
          }
          let planned = 0;
          for (const time of plannedTimes(cron, BERLIN, start)) {
            if (time > doneUntil) break;
            planned += 1;
          }
          expect(dealtWith).toBe(planned);
        },
      ),
      { numRuns: 60 },
    );
  });
});

test('a zone is known by its name in any capitalisation, and nothing else is a zone', () => {
  expect(timeZoneOf('europe/berlin')?.name).toBe('Europe/Berlin');
  expect(timeZoneOf('UTC')?.name).toBe('UTC');
  expect(['Mars/Base', '+01:00', 'Berlin time', '', 'Europe/Berlin\n'].filter((name) => timeZoneOf(name))).toEqual([]);
});
