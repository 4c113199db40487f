import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createChat } from '../../../src/slack/client/chat.ts';
import { createFileUpload } from '../../../src/slack/client/file-upload.ts';
import { chartPicture } from '../../../src/slack/delivery/chart-picture.ts';
import { postWithPictures } from '../../../src/slack/delivery/pictures.ts';
import { compose } from '../../../src/slack/messages/kit/message.ts';
import { runCharts } from '../../../src/slack/messages/run/run-chart.ts';
import { clientOf, slackForTest } from '../../sandbox/slack/harness.ts';

const stretches = Array.from({ length: 20 }, (_, at) => ({
  from: at * 60_000,
  to: (at + 1) * 60_000,
  images: 20 + at,
  failed: at % 3,
  entries: 60,
}));
const message = compose({ fact: 'How Rescan r-0001 went.', figures: runCharts(stretches) });
const stateSchema = z.looseObject({
  messages: z.array(
    z.looseObject({ ts: z.string(), text: z.string(), blocks: z.array(z.looseObject({ type: z.string() })) }),
  ),
  files: z.array(z.looseObject({ name: z.string(), peopleUrl: z.string() })),
});

async function posting(rejectBlocks: string[]) {
  const slack = await slackForTest();
  await fetch(`${slack.url}/sandbox/slack-world`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ rejectBlocks }),
  });
  const client = clientOf(slack);
  const troubles: unknown[] = [];
  const post = postWithPictures({
    chat: createChat(client),
    files: createFileUpload(client, slack.tokens.bot, { sleep: async () => {} }),
    onError: (error) => troubles.push(error),
  });
  const state = async () => stateSchema.parse(await (await fetch(`${slack.url}/sandbox/state`)).json());
  return { post, state, troubles };
}

/** Width and height out of a PNG's first chunk (PNG specification, 11.2.2). */
const sizeOf = (png: Uint8Array) => {
  const view = new DataView(png.buffer, png.byteOffset);
  return [view.getUint32(16), view.getUint32(20)];
};

describe('charts', () => {
  test('are Slack’s own blocks where Slack takes them, and no file is made', async () => {
    const { post, state } = await posting([]);
    await post('C0TIMESHEET', message);
    const { messages, files } = await state();
    expect(messages.at(-1)?.blocks.map(({ type }) => type)).toEqual([
      'section',
      'data_visualization',
      'data_visualization',
    ]);
    expect(files).toEqual([]);
  });

  test('follow as pictures in the thread where Slack refuses them, and the message says the same in words', async () => {
    const { post, state, troubles } = await posting(['data_visualization']);
    await post('C0TIMESHEET', message);
    const { messages, files } = await state();
    const [words] = messages.filter(({ text }) => /How Rescan r-0001 went/.test(text));
    expect(JSON.stringify(words?.blocks)).toMatch(/Images a minute: `[▁▂▃▄▅▆▇█]+`/);
    expect(files.map(({ name }) => name)).toEqual(['chart-1.png', 'chart-2.png']);
    for (const { peopleUrl } of files) {
      const png = new Uint8Array(await (await fetch(peopleUrl)).arrayBuffer());
      expect([...png.slice(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
      expect(sizeOf(png)).toEqual([960, 420]);
    }
    expect(troubles).toEqual([]);
  });

  test('that hold one value or none are drawn too', async () => {
    const [one] = runCharts(stretches.slice(0, 1));
    if (one?.block.type !== 'data_visualization') throw new Error('No chart.');
    expect(sizeOf(await chartPicture(one.block))).toEqual([960, 420]);
    expect(runCharts([])).toEqual([]);
  });

  test('stay within Slack’s limits, with labels that are all different, however long the run was', () => {
    for (const lengthMs of [1_000, 32_000, 64_000, 256_000, 4_096_000, 86_400_000]) {
      const long = stretches.map((stretch, at) => ({ ...stretch, from: at * lengthMs, to: (at + 1) * lengthMs }));
      for (const { block } of runCharts(long)) {
        if (block.type !== 'data_visualization') throw new Error('No chart.');
        const labels = block.chart.axis_config.categories;
        expect(new Set(labels).size).toBe(20);
        expect(labels.every((label) => label.length <= 20)).toBe(true);
        expect(block.title.length).toBeLessThanOrEqual(50);
        for (const { data } of block.chart.series) expect(data.map(({ label }) => label)).toEqual(labels);
      }
    }
  });
});
