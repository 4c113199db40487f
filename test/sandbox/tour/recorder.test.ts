import { describe, expect, test } from 'vitest';
import { createPeople, type People, type SeenMessage } from '../../../sandbox/people.ts';
import { comparable, createRecorder, stableLines } from '../../../sandbox/tour/recorder.ts';

const message = (ts: string, text: string): SeenMessage => ({
  ts,
  text,
  userId: 'U0BOT',
  channelId: 'C0TIMESHEET',
  blocks: [],
  files: [],
});

/** People who see these messages one after the other. */
function peopleWho(sees: readonly SeenMessage[]): People {
  const rest = [...sees];
  return {
    ...createPeople('http://127.0.0.1:9'),
    command: async () => ({}),
    messages: async () => [message('5.0', 'before')],
    ephemerals: async () => [message('4.0', 'before that')],
    sees: async () => rest.shift() ?? message('9.0', 'nothing'),
  };
}

describe('what the tour records', () => {
  test('the answer of a command is the next message that is newer than the command', async () => {
    const recorder = createRecorder();
    const people = recorder.recorded(
      peopleWho([message('5.0', 'old'), message('6.0', 'new\nmore'), message('7.0', 'x')]),
    );
    await people.command('operator', '/rescan status');
    for (let at = 0; at < 3; at++) await people.sees(/./);
    expect(recorder.commands).toEqual([{ command: '/rescan status', lines: ['new', 'more'] }]);
  });

  test('a command whose answer nobody waits for is not recorded', async () => {
    const recorder = createRecorder();
    const people = recorder.recorded(peopleWho([message('6.0', 'new')]));
    await people.command('operator', '/rescan pause');
    await people.command('operator', '/rescan stop');
    await people.sees(/./);
    expect(recorder.commands.map(({ command }) => command)).toEqual(['/rescan stop']);
  });

  test.each([
    ['Backup `b-c262cead` (01796029492981-c262cead)', 'Backup `b-0a1b2c3d` (01796029492981-0a1b2c3d)'],
    ['Schedule sc-wxyz at 2026-11-30 09:58 UTC', 'Schedule sc-ghjk at 2026-01-05 09:00 UTC'],
    ['`09:26:11 UTC` 2026-11-30T10:15:26.755Z', '`09:00:00 UTC` 2026-01-05T09:00:00Z'],
    ['INVALID_IMAGE-20261130110015031-3359867e.png', 'INVALID_IMAGE-20260105090000000-0a1b2c3d.png'],
    [
      '2026-12-01 02:00 Europe/Berlin (2026-12-01 01:00 UTC), then 2026-12-02 02:00 Europe/Berlin',
      '2026-01-05 02:00 Europe/Berlin (2026-01-05 01:00 UTC), then 2026-01-06 02:00 Europe/Berlin',
    ],
    ['29 Nov, 08:17 UTC · 9:58 AM', '5 Jan, 09:00 UTC · 9:00 AM'],
    ['took 3 min 12 s, then 417 ms', 'took 2 min, then 5 ms'],
    ['/var/tmp/rescan-tour-x1Y2z3/STOP_RESCAN', '/tmp/STOP_RESCAN'],
    ['checksum 5d7245587035, code yaqpM16LE6', 'checksum 0a1b2c3d4e5f, code yaqpM16LE6'],
    ['http://127.0.0.1:41735/p1796035986555590', 'http://127.0.0.1:4390/p1767603600000000'],
    ['60 images, 200 records, r-0001, c-0002', '60 images, 200 records, r-0001, c-0002'],
  ])('%s becomes %s, and stays so', (line, stable) => {
    expect(stableLines([line])).toEqual([stable]);
    expect(stableLines([stable])).toEqual([stable]);
  });

  test('two recordings are equal when only numbers and what follows the statement differ, and differ otherwise', () => {
    const lines = (...all: string[]) => comparable({ command: '/rescan pause', lines: all });
    const old = lines('Compared with backup (2 min old): 1 removed', '[Retry all 25] [CSV]');
    expect(old).toEqual(lines('Compared with backup (5 s old): 3 removed', '[Retry all 3] [CSV]'));
    const one = lines('Rescan r-0007 is pausing: waiting for 6 images.', '[Resume] [Stop]');
    expect(one).toEqual(lines('Rescan r-0007 is pausing: waiting for 1 image.', 'more', '[Resume] [Stop]'));
    expect(one).not.toEqual(lines('Rescan r-0007 is stopping: waiting for 6 images.', '[Resume] [Stop]'));
    expect(one).not.toEqual(lines('Rescan r-0007 is pausing: waiting for 6 images.', '[Stop]'));
  });
});
