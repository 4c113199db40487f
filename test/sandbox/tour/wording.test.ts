import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { People, SeenMessage } from '../../../sandbox/people.ts';
import { narrate } from '../../../sandbox/tour/narrator.ts';
import { filledLines, labelOf, messageLines, plainText, viewLines, wrapped } from '../../../sandbox/tour/wording.ts';

const mrkdwn = (text: string) => ({ type: 'mrkdwn', text });
const plain = (text: string) => ({ type: 'plain_text', text });
const button = (actionId: string, label: string) => ({ type: 'button', action_id: actionId, text: plain(label) });
const message = (change: Partial<SeenMessage> = {}): SeenMessage => ({
  ts: '1.000001',
  text: 'the text',
  userId: 'U0BOT',
  channelId: 'C0TIMESHEET',
  blocks: [],
  files: [],
  ...change,
});

describe('a message in a terminal', () => {
  test('a message is printed with the text of its blocks, the labels of its buttons and its files', () => {
    const blocks = [
      { type: 'section', text: mrkdwn('*Rescan r-0001 &amp; co.*\nby <@U0OPERATOR>') },
      { type: 'section', fields: [mrkdwn('*Failed*\n3 (5 %)')] },
      { type: 'section', text: mrkdwn('*3* of a cause'), accessory: button('retry', 'Retry these') },
      { type: 'context', elements: [mrkdwn(':warning: small print')] },
      {
        type: 'plan',
        title: 'Checklist c-1',
        tasks: [
          {
            task_id: 'backup',
            title: 'Back up: done',
            status: 'complete',
            output: {
              type: 'rich_text',
              elements: [
                {
                  type: 'rich_text_section',
                  elements: [
                    { type: 'text', text: 'by ' },
                    { type: 'user', user_id: 'U0OPERATOR' },
                  ],
                },
              ],
            },
          },
        ],
      },
      { type: 'table', rows: [['Kind', 'Now'].map((text) => ({ type: 'raw_text', text }))] },
      { type: 'actions', elements: [button('stop', 'Stop'), button('pause', 'Pause')] },
    ];
    expect(messageLines(message({ blocks, files: [{ name: 'a.csv', size: 1_200 }] }))).toEqual([
      'Rescan r-0001 & co.',
      'by @operator',
      'Failed: 3 (5 %)',
      '3 of a cause',
      '[Retry these]',
      '⚠ small print',
      'Checklist c-1',
      '✔ Back up: done · by @operator',
      'Kind  Now',
      '[Stop] [Pause]',
      '[file a.csv, 1,200 bytes]',
    ]);
  });

  test('an unknown block is printed as JSON', () => {
    expect(messageLines(message({ blocks: [{ type: 'hologram', of: 'x' }] }))).toEqual([
      '{"type":"hologram","of":"x"}',
    ]);
  });

  test('asterisks inside of words and code are kept, and links are printed with their address', () => {
    expect(plainText('*Backup `0 2 * * *` is set* in `a *b* c`')).toBe('Backup `0 2 * * *` is set in `a *b* c`');
    expect(plainText('2*3*4 and <https://x.example/a|the page>')).toBe('2*3*4 and the page (https://x.example/a)');
  });

  test('long lines are wrapped without losing text', () => {
    expect(wrapped('one two three', 7)).toEqual(['one two', 'three']);
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 40 }), (line, width) => {
        expect(wrapped(line, width).join(' ')).toBe(line);
      }),
    );
  });
});

describe('a form', () => {
  const view = {
    id: 'V1',
    body: { title: plain('Restore'), submit: plain('Ask') },
    blocks: [
      { type: 'section', text: mrkdwn('What it does') },
      {
        type: 'input',
        block_id: 'mode',
        label: plain('Mode'),
        element: { type: 'radio_buttons', options: [{ text: plain('Replace'), value: 'replace' }] },
      },
      { type: 'input', block_id: 'name', label: plain('Name'), element: { type: 'plain_text_input' } },
    ],
  };
  test('a form is printed with its title, its text and its fields', () => {
    expect(viewLines(view)).toEqual(['opens the form “Restore”', 'What it does', 'Mode: Replace', 'Name: …']);
  });
  test('submitted values are printed with their labels, and options with their texts', () => {
    expect(filledLines(view, { mode: 'replace', name: 'x' })).toEqual(['Mode: Replace', 'Name: x']);
  });
  test('a button is named by its label', () => {
    const blocks = [{ type: 'actions', elements: [button('plan_start', 'Start')] }];
    expect(labelOf(message({ blocks }), 'plan_start')).toBe('Start');
    expect(labelOf(message({ blocks }), 'other')).toBe('other');
  });
});

describe('the narrator', () => {
  /** A channel that says what it is given. */
  function channel() {
    const lines: string[] = [];
    let said: readonly SeenMessage[] = [];
    const unused = () => Promise.reject(new Error('nobody asks for this'));
    const people: People = {
      command: async () => ({}),
      click: async () => ({}),
      submit: async () => ({}),
      bot: async () => ({}),
      openView: unused,
      file: unused,
      sees: unused,
      view: async () => undefined,
      messages: async () => [...said],
      ephemerals: async () => [],
    };
    let now = 0;
    const narrator = narrate({ print: (line) => lines.push(line), width: 80, now: () => now });
    const heard = narrator.narrated(people);
    return {
      heard,
      lines,
      async says(messages: readonly SeenMessage[], atMs = 0) {
        now = atMs;
        said = messages;
        await narrator.settle();
      },
      close: () => narrator.close(),
    };
  }

  test('the narrator prints new messages before the action of a person, and indents threads', async () => {
    const { heard, lines, says, close } = channel();
    await says([
      message({ text: 'Would you?', blocks: [] }),
      message({ ts: '1.000002', threadTs: '1.000001', text: 'More of it' }),
    ]);
    await heard.command('operator', '/rescan help');
    await close();
    expect(lines).toEqual([
      '  rescan-bot   Would you?',
      '      ↳ rescan-bot More of it',
      '  @operator    types   /rescan help',
    ]);
  });

  test('the narrator prints an edit at once when its text changes, and rarely when only numbers change', async () => {
    const { lines, says, close } = channel();
    await says([message({ text: '1 of 60 done\nFailed: 0' })], 0);
    await says([message({ text: '2 of 60 done\nFailed: 1' })], 1_000);
    await says([message({ text: '9 of 60 done\nFailed: 3' })], 5_000);
    await says([message({ text: 'It is complete\nFailed: 3\nIt took 5 s' })], 6_000);
    await close();
    expect(lines.map((line) => line.trim())).toEqual([
      'rescan-bot   1 of 60 done',
      'Failed: 0',
      'rescan-bot   (edited) 9 of 60 done',
      'rescan-bot   (edited) It is complete',
      'It took 5 s',
    ]);
  });
});
