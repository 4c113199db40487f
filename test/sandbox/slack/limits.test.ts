import { describe, expect, it } from 'vitest';
import { checkBlocks, checkView, isViewTooLarge } from '../../../sandbox/slack/rules/block-check.ts';
import type { Surface } from '../../../sandbox/slack/rules/rule.ts';
import { boltApp, button, clientOf, person, plain, section, slackForTest } from './harness.ts';

/**
 * Slack's limits according to its pages (docs.slack.dev, Block Kit reference): the local Slack accepts each limit and
 * refuses one more.
 */

const x = (length: number) => 'x'.repeat(length);
const many = <T>(length: number, make: (at: number) => T): T[] => Array.from({ length }, (_, at) => make(at));
const cell = (text: string) => ({ type: 'raw_text', text });
const mrkdwn = (text: string) => ({ type: 'mrkdwn', text });
const option = (text: string, value: string) => ({ text: plain(text), value });
const select = (options: readonly unknown[]) => ({ type: 'static_select', action_id: 's', options });
const actions = (...elements: readonly unknown[]) => ({ type: 'actions', elements });
const chart = (about: { title?: string; series?: number; categories?: readonly string[] }) => {
  const categories = about.categories ?? ['a'];
  const data = categories.map((label) => ({ label, value: 1 }));
  return {
    type: 'data_visualization',
    title: about.title ?? 't',
    chart: {
      type: 'line',
      series: many(about.series ?? 1, (at) => ({ name: `s${at}`, data })),
      axis_config: { categories },
    },
  };
};
const task = (at: number) => ({ type: 'task_card', task_id: String(at), title: 't', status: 'pending' });
const modal = (change: Readonly<Record<string, unknown>>) => ({
  type: 'modal',
  title: plain('t'),
  blocks: [],
  ...change,
});

describe.each<[what: string, most: number, blocks: (size: number) => unknown, surface?: Surface]>([
  ['characters of a header', 150, (n) => [{ type: 'header', text: plain(x(n)) }]],
  ['characters of a section', 3_000, (n) => [section(x(n))]],
  ['fields of a section', 10, (n) => [{ type: 'section', fields: many(n, () => plain('f')) }]],
  ['characters of a field', 2_000, (n) => [{ type: 'section', fields: [plain(x(n))] }]],
  ['elements of a context', 10, (n) => [{ type: 'context', elements: many(n, () => plain('e')) }]],
  ['elements in a row of actions', 25, (n) => [actions(...many(n, (at) => button(`b${at}`)))]],
  ['characters of a button', 75, (n) => [actions({ ...button('b'), text: plain(x(n)) })]],
  ['characters of a button’s value', 2_000, (n) => [actions(button('b', x(n)))]],
  ['characters of an action_id', 255, (n) => [actions({ ...button('b'), action_id: x(n) })]],
  ['characters of a block_id', 255, (n) => [{ ...section('s'), block_id: x(n) }]],
  ['characters of an option', 75, (n) => [actions(select([option(x(n), 'v')]))]],
  ['characters of an option’s value', 150, (n) => [actions(select([option('o', x(n))]))]],
  ['options of a menu', 100, (n) => [actions(select(many(n, (at) => option('o', String(at)))))]],
  ['tasks of a plan', 50, (n) => [{ type: 'plan', title: 'p', tasks: many(n, task) }]],
  ['tables of a message', 1, (n) => many(n, () => ({ type: 'table', rows: [[cell('c')]] }))],
  ['rows of a table', 100, (n) => [{ type: 'table', rows: many(n, () => [cell('c')]) }]],
  ['columns of a table', 20, (n) => [{ type: 'table', rows: [many(n, () => cell('c'))] }]],
  ['characters of a table', 10_000, (n) => [{ type: 'table', rows: [[cell(x(n))]] }]],
  [
    'columns of a data table',
    20,
    (n) => [{ type: 'data_table', caption: 'c', rows: many(2, () => many(n, () => cell('c'))) }],
  ],
  ['charts of a message', 2, (n) => many(n, () => chart({}))],
  ['characters of a chart’s title', 50, (n) => [chart({ title: x(n) })]],
  ['series of a chart', 12, (n) => [chart({ series: n })]],
  ['categories of a chart', 20, (n) => [chart({ categories: many(n, (at) => `c${at}`) })]],
  ['characters of a chart’s label', 20, (n) => [chart({ categories: [x(n)] })]],
  ['characters of a card’s title', 150, (n) => [{ type: 'card', title: mrkdwn(x(n)) }]],
  ['characters of a card’s body', 200, (n) => [{ type: 'card', body: mrkdwn(x(n)) }]],
  ['characters of an alert', 200, (n) => [{ type: 'alert', text: plain(x(n)) }], 'modal'],
  [
    'blocks in a container',
    10,
    (n) => [{ type: 'container', title: plain('c'), child_blocks: many(n, () => section('s')) }],
  ],
  ['characters of markdown', 12_000, (n) => [{ type: 'markdown', text: x(n) }]],
  ['blocks of a message', 50, (n) => many(n, () => section('s'))],
  ['blocks of a Home tab', 100, (n) => many(n, () => section('s')), 'home'],
])('%s', (_what, most, blocks, surface = 'message') => {
  it(`accepts ${most} and refuses one more`, () => {
    expect(checkBlocks(blocks(most), surface)).toEqual([]);
    expect(checkBlocks(blocks(most + 1), surface)).not.toEqual([]);
  });
});

describe.each<[what: string, most: number, view: (size: number) => unknown]>([
  ['blocks of a modal', 100, (n) => modal({ blocks: many(n, () => section('s')) })],
  ['characters of a modal’s title', 24, (n) => modal({ title: plain(x(n)) })],
  ['characters of its submit button', 24, (n) => modal({ submit: plain(x(n)) })],
  ['characters of its close button', 24, (n) => modal({ close: plain(x(n)) })],
  ['characters of private_metadata', 3_000, (n) => modal({ private_metadata: x(n) })],
  ['characters of a callback_id', 255, (n) => modal({ callback_id: x(n) })],
])('%s', (_what, most, view) => {
  it(`accepts ${most} and refuses one more`, () => {
    expect(checkView(view(most))).toEqual([]);
    expect(checkView(view(most + 1))).not.toEqual([]);
  });
});

describe('over the wire', () => {
  it('chat.update accepts 4,000 characters of text, and a view 250 KB', async () => {
    const { chat } = clientOf(await slackForTest());
    const { ts = '' } = await chat.postMessage({ channel: 'C0TIMESHEET', text: 'x' });
    const update = (length: number) => chat.update({ channel: 'C0TIMESHEET', ts, text: x(length) });
    expect((await update(4_000)).ok).toBe(true);
    await expect(update(4_001)).rejects.toMatchObject({ data: { error: 'msg_too_long' } });
    const bytes = (view: unknown) => Buffer.byteLength(JSON.stringify(view));
    const room = 250 * 1024 - bytes(modal({ private_metadata: '' }));
    expect(isViewTooLarge(modal({ private_metadata: x(room) }))).toBe(false);
    expect(isViewTooLarge(modal({ private_metadata: x(room + 1) }))).toBe(true);
  });

  it('a response_url accepts five answers', async () => {
    const slack = await slackForTest();
    const heard: string[] = [];
    await boltApp(slack, (app) =>
      app.command('/demo', async ({ ack, body }) => {
        heard.push(body.response_url);
        await ack();
      }),
    );
    await person(slack, 'command', { user: 'operator', channel: 'random', text: '/demo' });
    const answer = async () => {
      const reply = await fetch(heard[0] ?? '', { method: 'POST', body: JSON.stringify({ text: 'x' }) });
      return [reply.status, await reply.json()];
    };
    for (let use = 0; use < 5; use++) expect(await answer()).toEqual([200, { ok: true }]);
    expect(await answer()).toEqual([404, { ok: false, error: 'used_url' }]);
  });
});
