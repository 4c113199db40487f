import { WebAPIPlatformError, WebAPIRateLimitedError } from '@slack/web-api';
import { describe, expect, test } from 'vitest';
import type { RunSnapshot } from '../../../src/run/model/types.ts';
import type { MessageLocation } from '../../../src/slack/client/chat.ts';
import { createLiveMessageEditor } from '../../../src/slack/delivery/live-message-editor.ts';
import { say } from '../../../src/slack/messages/kit/message.ts';
import { runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

function createEditor(
  edit: (text: string) => Promise<void> = async () => {},
  onDeleted?: (run: RunSnapshot, location: MessageLocation) => Promise<void>,
  isCurrent: (run: RunSnapshot) => boolean = () => true,
) {
  const clock = createFakeClock();
  const start = clock.now();
  const edits: string[] = [];
  const editor = createLiveMessageEditor<RunSnapshot>({
    clock,
    intervalMs: 3_000,
    idOf: ({ runId }) => runId,
    findLocation: async () => ({ channel: 'C0TIMESHEET', ts: '1.000001' }),
    render: (run) => say(`${run.runId} ${run.inFlight}`),
    async edit(_location, { text }) {
      edits.push(`${clock.now() - start} ${text}`);
      await edit(text);
    },
    ...(onDeleted ? { onDeleted } : {}),
    isCurrent,
    onError: () => {},
  });
  return {
    clock,
    edits,
    editor,
    show: (inFlight: number, runId = 'r-1') => editor.show(runSnapshot({ inFlight, runId })),
  };
}

describe('a live message', () => {
  test('a live message is edited at most once per interval, with the newest state', async () => {
    const { clock, edits, show } = createEditor();
    show(1);
    await clock.advance(100);
    show(2);
    await clock.advance(1_000);
    show(3);
    await clock.advance(1_899);
    expect(edits).toEqual(['0 r-1 1']);
    await clock.advance(1);
    expect(edits).toEqual(['0 r-1 1', '3000 r-1 3']);
    await clock.advance(60_000);
    expect(edits).toHaveLength(2);
  });

  test.each(['ratelimited', 'rate_limited', 'message_limit_exceeded', 'external_channel_migrating'])(
    'the last state is shown although Slack answers %s at first',
    async (error) => {
      let isFirst = true;
      const { clock, edits, editor, show } = createEditor(async () => {
        if (!isFirst) return;
        isFirst = false;
        throw new WebAPIPlatformError({ ok: false, error });
      });
      show(1);
      await clock.advance(60_000);
      await editor.idle();
      expect(edits.map((edit) => edit.replace(/^\d+ /, ''))).toEqual(['r-1 1', 'r-1 1']);
    },
  );

  test('a state that waited and is out of date by then is dropped, and the message of another run is still edited', async () => {
    let isCurrent = true;
    const { clock, edits, show } = createEditor(undefined, undefined, ({ runId }) => isCurrent || runId === 'r-2');
    show(1);
    await clock.advance(0);
    show(2);
    // The process was frozen, and another one drives the run.
    isCurrent = false;
    show(7, 'r-2');
    await clock.advance(10_000);
    isCurrent = true;
    show(3);
    await clock.advance(10_000);
    expect(edits.map((edit) => edit.replace(/^\d+ /, ''))).toEqual(['r-1 1', 'r-2 7', 'r-1 3']);
  });

  test('a live message is not edited when its content is the same', async () => {
    const { clock, edits, show } = createEditor();
    show(1);
    await clock.advance(5_000);
    show(1);
    await clock.advance(5_000);
    expect(edits).toEqual(['0 r-1 1']);
  });

  test('after a 429 the edit waits as long as Slack says, then shows the newest state', async () => {
    let refusals = 1;
    const { clock, edits, show } = createEditor(async () => {
      if (refusals-- > 0) throw new WebAPIRateLimitedError(10);
    });
    show(1);
    await clock.advance(4_000);
    show(2);
    await clock.advance(5_999);
    expect(edits).toEqual(['0 r-1 1']);
    await clock.advance(1);
    expect(edits).toEqual(['0 r-1 1', '10000 r-1 2']);
  });

  test('while Slack is down the edit is retried until the state is shown, without a new state', async () => {
    let isDown = true;
    const { clock, edits, editor, show } = createEditor(async () => {
      if (isDown) throw new TypeError('fetch failed');
    });
    show(7);
    await clock.advance(120_000);
    isDown = false;
    await clock.advance(31_000);
    expect(edits.at(-1)).toMatch(/r-1 7$/);
    await editor.idle();
  });

  test('a deleted message is given up, and the message of another run is still edited', async () => {
    const { clock, edits, show } = createEditor(async (text) => {
      if (text.startsWith('r-1')) throw new WebAPIPlatformError({ ok: false, error: 'message_not_found' });
    });
    show(1);
    show(2, 'r-2');
    await clock.advance(60_000);
    expect(edits).toEqual(['0 r-1 1', '3000 r-2 2']);
  });

  test('a deleted message is posted anew once, and later states edit the new one', async () => {
    let ts = '1.0';
    const posted: string[] = [];
    const { clock, edits, show } = createEditor(
      async () => {
        if (ts === '1.0') throw new WebAPIPlatformError({ ok: false, error: 'message_not_found' });
      },
      async ({ runId, inFlight }, location) => {
        posted.push(`${runId} ${inFlight} in place of ${location.ts}`);
        ts = '2.0';
      },
    );
    show(1);
    await clock.advance(10_000);
    show(1);
    show(2);
    await clock.advance(10_000);
    expect(posted).toEqual(['r-1 1 in place of 1.000001']);
    expect(edits.at(-1)).toMatch(/r-1 2$/);
    expect(edits).toHaveLength(2);
  });
});
