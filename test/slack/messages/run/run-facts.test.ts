import { expect, test } from 'vitest';
import type { HaltPlace, RunSnapshot } from '../../../../src/run/model/types.ts';
import { alertOf } from '../../../../src/slack/messages/run/alerts.ts';
import { haltedMessage } from '../../../../src/slack/messages/run/answers.ts';
import { describeState } from '../../../../src/slack/messages/run/describe-run.ts';
import { runMessage } from '../../../../src/slack/messages/run/run-message.ts';
import type { StopLocation } from '../../../../src/state/stops/stored-stops.ts';
import { runSnapshot } from '../../../support/memory/scripted-run-control.ts';

const run = runSnapshot();
const counted = { kind: 'counted', entriesAtStart: 0, entries: 0 } as const;

test('a running run that was not counted since its start says so, and not that nothing was written', () => {
  const growth = { ...counted, imagesSinceCount: 412, imagesToNextCount: 15 };
  const { text } = runMessage(runSnapshot({ growth }));
  expect(text).toContain('not counted yet (next count in about 15 images); 0 at the start');
  expect(text).not.toContain('+0 since the start');
});

test('a completed run whose function reported entries while the table did not grow warns in its message', () => {
  const stalled = runSnapshot({ growth: counted, state: { kind: 'completed' } });
  expect(runMessage(stalled).text).toContain(':warning: The function reported 1,140 entries; the table did not grow.');
  const grown = runSnapshot({ growth: { ...counted, entries: 592 }, state: { kind: 'completed' } });
  expect(runMessage(grown).text).not.toContain(':warning:');
});

test('the cost of a finished run is not called a cost so far', () => {
  expect(runMessage(run).text).toContain('Cost so far: $1.24');
  const done = runMessage(runSnapshot({ state: { kind: 'completed' } })).text;
  expect(done).toContain('Cost: $1.24');
  expect(done).not.toContain('so far');
});

test('the running time of a run with pauses also gives the time from start to end', () => {
  const paused = runSnapshot({
    state: { kind: 'completed' },
    activeMs: 130_000,
    startedAt: 1_000_000,
    endedAt: 1_170_000,
  });
  expect(runMessage(paused).text).toContain('Running time: 2 min 10 s (2 min 50 s with pauses and restarts)');
});

test('the first images are not praised while nothing reached the table', () => {
  const event = { kind: 'canary-passed', failed: 0, images: 20 } as const;
  const text = (snapshot: typeof run) => alertOf({ ...event, snapshot }, { resumesByItself: true })?.message.text;
  expect(text(run)).toBe('No failures in the first 20 images, and no missing rows. The other images follow now.');
  expect(text(runSnapshot({ growth: counted }))).toMatch(
    /^:warning: No failures in the first 20 images, but nothing reached the table yet\./,
  );
});

test('the first images are not suspected while the table was not counted since the start', () => {
  const event = { kind: 'canary-passed', failed: 0, images: 20 } as const;
  const snapshot = runSnapshot({ growth: { ...counted, imagesSinceCount: 412, imagesToNextCount: 15 } });
  expect(alertOf({ ...event, snapshot }, { resumesByItself: true })?.message.text).toBe(
    'No failures in the first 20 images, and no missing rows. The other images follow now.',
  );
});

test('a stop that cannot be stored says that a restart would continue the run, and how to prevent it', () => {
  const { text } = haltedMessage(runSnapshot({ unsaved: { stopFile: '/tmp/STOP_RESCAN' } }), 'stop');
  expect(text).toBe(
    [
      'Rescan r-0142 starts no more images: waiting for 6 images in progress.',
      'The control table cannot be written.',
      ':warning: The stop is stored nowhere: the control bucket and the disk cannot be written, either. If the bot restarts, the run *may continue*. To prevent that, create the stop file `/tmp/STOP_RESCAN` on the machine where the bot runs.',
    ].join('\n'),
  );
});

test('a stop that is stored outside the control table says where, and for whom it holds', () => {
  const text = (storedIn: StopLocation) =>
    haltedMessage(runSnapshot({ inFlight: 0, unsaved: { stopFile: '/tmp/STOP', storedIn } }), 'stop').text;
  expect(text({ kind: 'bucket', bucket: 'control', key: 'stops/f.json' })).toBe(
    [
      'Rescan r-0142 starts no more images: none is in progress.',
      'The control table cannot be written.',
      'The stop is stored in `s3://control/stops/f.json`. Every copy of the bot reads it, and none resumes the run by itself.',
    ].join('\n'),
  );
  expect(text({ kind: 'file', path: '/tmp/STOP.f.json' })).toContain('A bot on another machine does not see the file.');
});

const onStepFunctions = (gateAfterHalt: 'running' | 'stopped', more: Partial<RunSnapshot> = {}) =>
  runSnapshot({ engine: 'step-functions', draining: true, gateAfterHalt, ...more });
const MAY_START =
  ':warning: AWS Step Functions may start more images until the control table can be written, or until the bot has stopped the execution, which it tries after 5 s at the latest.';

test('while the halt of a run on Step Functions is not in the control table, no message says that no image starts', () => {
  const run = onStepFunctions('running', { unsaved: { stopFile: '/tmp/STOP' } });
  const next = { kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } } as const;
  const drain = alertOf({ kind: 'draining', snapshot: run, why: 'trip', next }, { resumesByItself: true });
  const answers = [haltedMessage(run, 'stop'), haltedMessage(run, 'pause')].map(({ text }) => text);
  expect(answers.map((text) => text.split('\n')[0])).toEqual([
    'Rescan r-0142 is stopping.',
    'Rescan r-0142 is pausing.',
  ]);
  for (const text of [...answers, drain?.message.text]) {
    expect(text).toContain(MAY_START);
    expect(text).not.toMatch(/no more images/i);
  }
  expect(describeState(run)).toMatch(/^was halted, but AWS Step Functions may start more images until/);
});

test('the alert of the end says what may start where the halt is not saved and the execution goes on, or was stopped', () => {
  const state = { kind: 'stopped', by: { kind: 'person', by: 'U0OPERATOR' } } as const;
  const text = (gateAfterHalt: 'running' | 'stopped') => {
    const snapshot = onStepFunctions(gateAfterHalt, { state, draining: false });
    const event = { kind: 'stopped', snapshot, drive: 'd-1', leftInFlight: 3, unwritten: true } as const;
    return alertOf(event, { resumesByItself: true })?.message.text;
  };
  expect(text('running')).toContain('could not stop the execution at AWS Step Functions, so it may start more images');
  expect(text('stopped')).toContain('The execution at AWS Step Functions is stopped. Its children of type EXPRESS');
  for (const gate of ['running', 'stopped'] as const) expect(text(gate)).not.toContain('Nothing is running');
});

test('the alert of an unsaved trip says where it is stored, and what a restart of the bot does', () => {
  const state = { kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } } as const;
  const text = (unsaved: RunSnapshot['unsaved']) => {
    const snapshot = { ...runSnapshot({ state }), ...(unsaved && { unsaved }) };
    const event = { kind: 'tripped', snapshot, drive: 'd-1', leftInFlight: 0, unwritten: true } as const;
    return alertOf(event, { resumesByItself: true })?.message.text;
  };
  const stopFile = '/tmp/STOP';
  expect(text({ stopFile, storedIn: { kind: 'bucket', bucket: 'control', key: 'stops/f.json' } })).toContain(
    'The stop is stored in `s3://control/stops/f.json`. Every copy of the bot reads it, and none resumes the run by itself.',
  );
  expect(text({ stopFile })).toMatch(/stored nowhere.* the run \*may continue\*.*create the stop file `\/tmp\/STOP`/);
  expect(text(undefined)).toContain('the run may continue by itself');
});

test('the alert about a stop of a person that is not saved yet says where it is stored', () => {
  const state = { kind: 'stopped', by: { kind: 'person', by: 'U0OPERATOR' } } as const;
  const text = (storedIn?: HaltPlace) => {
    const unsaved = { stopFile: '/tmp/STOP', ...(storedIn && { storedIn }) };
    const event = {
      kind: 'stopped',
      snapshot: runSnapshot({ state, unsaved }),
      drive: 'd-1',
      leftInFlight: 0,
      unwritten: true,
    } as const;
    return alertOf(event, { resumesByItself: true })?.message.text;
  };
  expect(text({ kind: 'bucket', bucket: 'control', key: 'stops/f.json' })).toContain(
    'This stop is not saved in the control table yet, because the table cannot be written.\nThe stop is stored in `s3://control/stops/f.json`. Every copy of the bot reads it, and none resumes the run by itself.',
  );
  expect(text({ kind: 'file', path: '/tmp/S.json' })).toContain('The stop is stored in the file `/tmp/S.json`');
  expect(text({ kind: 'record' })).toContain(
    'The end of the run is not saved in the control table yet, because the table cannot be written.\nThe stop is stored in the control table.',
  );
  expect(text()).toContain('The stop is stored nowhere');
  expect(text({ kind: 'unknown' })).toContain(
    'If the bot restarts before it is saved, the run may continue by itself.',
  );
});

test('an unsaved end warns in its alert, whichever end it is', () => {
  for (const state of [
    { kind: 'stopped', by: { kind: 'person', by: 'U0OPERATOR' } },
    { kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } },
    { kind: 'paused', because: { kind: 'person', by: 'U0OPERATOR' } },
  ] as const) {
    const event = {
      kind: state.kind,
      snapshot: runSnapshot({ state }),
      drive: 'd-1',
      leftInFlight: 0,
      unwritten: true,
    } as const;
    expect(alertOf(event, { resumesByItself: true })?.message.text).toContain('is not saved in the control table yet');
  }
});
