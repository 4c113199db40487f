import { describe, expect, test } from 'vitest';
import { takeCheckpoint } from '../../../src/run/engines/reducer/run-views.ts';
import { encodeCheckpoint } from '../../../src/run/store/checkpoint.ts';
import { createProgressNotes, isLater, type StateNote } from '../../../src/run/store/state-notes.ts';
import { startRig } from '../../support/rigs/engine-rig.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const progressOf = (done: number) => ({ lowWater: done, beyond: [] });
const recordWith = (done: number, resumedFence: number) => {
  const { run, clock } = startRig({ images: 100 });
  const checkpoint = { ...takeCheckpoint(run, clock.now()), progress: progressOf(done) };
  return { checkpoint: encodeCheckpoint(checkpoint), resumedFence };
};

describe('the control table has an earlier state of a run than the note', () => {
  test.each<[string, StateNote, boolean]>([
    ['as many images have an outcome', { ...running(4), done: 30 }, false],
    ['more images had an outcome', { ...running(4), done: 31 }, true],
    ['a person resumed the run later', { ...running(5), done: 0 }, true],
    ['it is from before the last resume, which may repeat images', { ...running(3), done: 90 }, false],
    ['the note is from before the progress was noted', { fence: 4, state: 'running' }, false],
    ['the note of a later resume is from before the progress was noted', { fence: 5, state: 'running' }, true],
    ['the run halted in this drive', { fence: 4, state: 'stopped' }, true],
    ['the run halted before the last resume', { fence: 3, state: 'stopped' }, false],
  ])('%s', (_, note, expected) => {
    expect(isLater(note, recordWith(30, 4))).toBe(expected);
  });

  test('a note that cannot be read counts as later', () => {
    expect(isLater('unreadable', recordWith(30, 4))).toBe(true);
  });

  test('a record without a checkpoint has no outcome', () => {
    expect(isLater({ ...running(4), done: 1 }, { resumedFence: 4 })).toBe(true);
  });
});

function running(resumedFence: number): StateNote {
  return { fence: 9, state: 'running', resumedFence };
}

test('the progress is noted every 15 s, one note after the other, with the counts of that moment', async () => {
  const clock = createFakeClock();
  const begun: (number | undefined)[] = [];
  const written: (() => void)[] = [];
  const put = (_: string, { done }: StateNote) => {
    begun.push(done);
    return new Promise<void>((resolve) => void written.push(resolve));
  };
  const progress = progressOf(0);
  const notes = createProgressNotes({ put }, { runId: 'r-1', fence: 2, resumedFence: 1 }, { progress }, clock);
  await clock.advance(14_999);
  progress.lowWater = 5;
  notes.noteIfDue({ progress });
  expect(notes.latest()).toEqual({ fence: 2, state: 'running', resumedFence: 1, done: 5 });
  await clock.advance(1);
  progress.lowWater = 6;
  notes.noteIfDue({ progress });
  progress.lowWater = 7;
  expect(begun).toEqual([0]);
  written[0]?.();
  await clock.advance(0);
  expect(begun).toEqual([0, 6]);
  written[1]?.();
  await notes.written();
});
