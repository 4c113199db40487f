import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createChat } from '../../../../src/slack/client/chat.ts';
import { compose } from '../../../../src/slack/messages/kit/message.ts';
import { runCharts } from '../../../../src/slack/messages/run/run-chart.ts';
import { clientOf, slackForTest } from '../../../sandbox/slack/harness.ts';

const intervals = Array.from({ length: 20 }, (_, at) => ({
  from: at * 60_000,
  to: (at + 1) * 60_000,
  images: 20 + at,
  failed: at % 3,
  entries: 60,
}));
const stateSchema = z.looseObject({
  messages: z.array(
    z.looseObject({ ts: z.string(), text: z.string(), blocks: z.array(z.looseObject({ type: z.string() })) }),
  ),
  files: z.array(z.unknown()),
});

/** Posts the charts of these intervals to a local Slack that refuses some block types; returns what it shows. */
async function postCharts(of: typeof intervals, rejectBlocks: string[] = []) {
  const slack = await slackForTest();
  await fetch(`${slack.url}/sandbox/slack-world`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ rejectBlocks }),
  });
  const message = compose({ fact: 'How Rescan r-0001 went.', figures: runCharts(of) });
  await createChat(clientOf(slack)).post('C0TIMESHEET', message);
  return stateSchema.parse(await (await fetch(`${slack.url}/sandbox/state`)).json());
}

describe('the charts of a run', () => {
  test('the charts are Slack chart blocks when Slack accepts them', async () => {
    const { messages, files } = await postCharts(intervals);
    expect(messages.at(-1)?.blocks.map(({ type }) => type)).toEqual([
      'section',
      'data_visualization',
      'data_visualization',
    ]);
    expect(files).toEqual([]);
  });

  test('when Slack refuses chart blocks, one message is posted with the same numbers as sparklines', async () => {
    const { messages, files } = await postCharts(intervals, ['data_visualization']);
    const posted = messages.filter(({ text }) => /How Rescan r-0001 went/.test(text));
    expect(posted).toHaveLength(1);
    expect(posted[0]?.blocks.map(({ type }) => type)).toEqual(['section', 'section', 'section']);
    expect(JSON.stringify(posted[0]?.blocks)).toMatch(/Images a minute: `[▁▂▃▄▅▆▇█]+`/);
    expect(JSON.stringify(posted[0]?.blocks)).toMatch(/Entries reported: `[▁▂▃▄▅▆▇█]+`/);
    expect(files).toEqual([]);
  });

  test('a chart of one value is accepted by Slack, and a run without images has no chart', async () => {
    const { messages } = await postCharts(intervals.slice(0, 1));
    expect(messages.at(-1)?.blocks.filter(({ type }) => type === 'data_visualization')).toHaveLength(2);
    expect(runCharts([])).toEqual([]);
  });

  test('the charts stay within the limits of Slack, with distinct labels, however long the run was', () => {
    for (const lengthMs of [1_000, 32_000, 64_000, 256_000, 4_096_000, 86_400_000]) {
      const long = intervals.map((interval, at) => ({ ...interval, from: at * lengthMs, to: (at + 1) * lengthMs }));
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
