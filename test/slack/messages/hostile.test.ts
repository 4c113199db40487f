import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { commandSchema } from '../../../src/slack/intake/payloads.ts';
import { ACTION, button } from '../../../src/slack/messages/kit/buttons.ts';
import { code, escapeMrkdwn, link, mention, shorten, unescapeMrkdwn } from '../../../src/slack/messages/kit/escape.ts';
import { cutMrkdwn, LIMITS, MessageLimitError, withinLimits } from '../../../src/slack/messages/kit/limits.ts';
import { compose, type Message, say } from '../../../src/slack/messages/kit/message.ts';
import { tableFigure } from '../../../src/slack/messages/kit/table-figure.ts';
import { viewWithinLimits } from '../../../src/slack/messages/kit/view-limits.ts';
import { refusalMessage } from '../../../src/slack/messages/refusals/refusals.ts';
import { alertOf } from '../../../src/slack/messages/run/alerts.ts';
import { previewMessage } from '../../../src/slack/messages/run/preview.ts';
import { runMessage } from '../../../src/slack/messages/run/run-message.ts';
import { runPlan, runSnapshot } from '../../support/memory/scripted-run-control.ts';

const HOSTILE = [
  ['mentions and links', '<!channel> <@U0OPERATOR> <https://evil.example|click me>'],
  ['formatting', '`` ` ```break out``` *bold* _it_ ~no~'],
  ['line ends', 'first line\nsecond line\r\n> quoted\n\u2028separator'],
  ['5,000 characters', 'x'.repeat(5_000)],
  ['entities', '&lt;!here&gt; &amp; friends '.repeat(300)],
  ['surrogate pairs', '𝟘😀'.repeat(2_000)],
  ['what cannot be seen', '\u202Egnp.exe\u202C zero\u200Bwidth \u0000nul'],
  ['nothing', ''],
] as const;
const UNSEEN = ['<!', '\u202E', '\u2028', '\u200B', '\u0000'];

/** Every message that shows texts from outside, with this text in all their places. */
function messagesWith(text: string): Message[] {
  const failure = { failureType: 'OCR_ERROR', message: text, key: text } as const;
  const run = runSnapshot({
    topFailure: { failureType: 'OCR_ERROR', message: text, count: 3 },
    lastFailure: failure,
    startedBy: text,
    state: { kind: 'stopped', by: { kind: 'stop-file', path: text } },
  });
  const fault = { reason: 'network', message: text, fix: text } as const;
  const faulty = runSnapshot({ state: { kind: 'paused', because: { kind: 'fault', fault } } });
  const tripped = runSnapshot({
    ...run,
    state: { kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } },
  });
  const alerts = [
    alertOf({ kind: 'tripped', snapshot: tripped, drive: 'd-1', leftInFlight: 0 }, { resumesByItself: true }),
    alertOf({ kind: 'paused', snapshot: faulty, drive: 'd-1', leftInFlight: 0 }, { resumesByItself: true }),
    alertOf({ kind: 'first-failure', snapshot: run, ...failure, requestId: text }, { resumesByItself: true }),
    alertOf(
      { kind: 'connection-broken', snapshot: run, key: text, attempt: 1, message: text, next: 'retry', others: 0 },
      { resumesByItself: true },
    ),
  ];
  return [
    runMessage(run),
    runMessage(faulty),
    runMessage(tripped),
    ...alerts.flatMap((alert) => (alert ? [alert.message] : [])),
    previewMessage(
      runPlan({
        selection: { prefix: text },
        plannedBy: text,
        forecastRestsOn: [text],
        paceBecause: [text],
        openRun: run,
      }),
    ),
    refusalMessage({ reason: 'no-match', bucket: text, listed: 3, selection: { prefix: text } }),
    refusalMessage({ reason: 'stop-file', path: text }),
    refusalMessage({ reason: 'fault', fault }),
    refusalMessage({ reason: 'lease-held', holder: text }),
    refusalMessage({ reason: 'plan-gone', runId: text }),
  ].map(withinLimits);
}

const textsOf = (message: Message): string[] => [
  message.text,
  ...[...JSON.stringify(message.blocks).matchAll(/"type":"mrkdwn","text":("(?:[^"\\]|\\.)*")/g)].map((match) =>
    String(JSON.parse(match[1] ?? '""')),
  ),
];

describe('texts from outside', () => {
  test.each(HOSTILE)('take no effect in any message: %s', (_kind, hostile) => {
    for (const message of messagesWith(hostile))
      for (const text of textsOf(message)) {
        // What remains in angle brackets is ours.
        expect([...text.matchAll(/<[^>]*>/g)].map(String).filter((tag) => tag !== '<@U0OPERATOR>')).toEqual([]);
        expect(UNSEEN.filter((unseen) => text.includes(unseen))).toEqual([]);
        expect(text.length).toBeLessThanOrEqual(LIMITS.text);
        for (const line of text.split('\n')) expect(line.split('`').length % 2, line.slice(0, 200)).toBe(1);
      }
  });

  test('hostile texts become one piece of code', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
        const shown = code(text);
        expect(shown).toMatch(/^(`[^`\n\r<>]+`|\(empty\))$/);
        expect(shown).not.toMatch(/&(?!amp;|lt;|gt;)/);
      }),
    );
  });

  test('are what they were when a command brings them back', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('&', '<', '>', 'amp;', 'lt;', 'a', ' ') }), (text) => {
        expect(unescapeMrkdwn(escapeMrkdwn(text))).toBe(text);
        const envelope = { user_id: 'U1', channel_id: 'C1', trigger_id: 't', text: escapeMrkdwn(text) };
        expect(commandSchema.parse(envelope).text).toBe(text);
      }),
    );
  });

  test('are cut without half characters, entities or mentions', () => {
    expect(shorten('ab😀cd', 4)).toBe('ab…');
    expect(cutMrkdwn(`${'a'.repeat(8)}&amp;more`, 13)).toBe(`${'a'.repeat(8)}…`);
    expect(cutMrkdwn('see `code type that is long`', 16)).toBe('see `code type…`');
    expect(cutMrkdwn('by <@U0OPERATOR> and others', 12)).toBe('by …');
    expect(cutMrkdwn('*A fact with `code` in it that is long*', 24)).toBe('*A fact with `code` in…*');
    expect(cutMrkdwn('```\nline one\nline two\n```', 20)).toBe('```\nline one\nli…\n```');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 4, max: 60 }), (text, most) => {
        const cut = cutMrkdwn(escapeMrkdwn(text), most);
        expect(cut.length).toBeLessThanOrEqual(most);
        expect(cut).not.toMatch(/&(?!(?:amp|lt|gt);)/);
        expect(cut === escapeMrkdwn(text) || cut.includes('…')).toBe(true);
      }),
    );
  });

  test('are no mention and no link unless they have the form of Slack’s own', () => {
    expect(mention('U0OPERATOR')).toBe('<@U0OPERATOR>');
    expect(mention('!channel')).toBe('`!channel`');
    expect(link('https://slack.example/x', 'Show <it>')).toBe('<https://slack.example/x|Show &lt;it&gt;>');
    expect(link('javascript:alert(1)', 'Show it')).toBe('Show it');
    expect(link('https://x|y>', 'Show it')).toBe('Show it');
  });
});

describe('links and mentions', () => {
  test('of any text have the form of Slack’s own, or none', () => {
    const any = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.webUrl({ withQueryParameters: true, withFragments: true }),
      fc.string({ unit: fc.constantFrom('<', '>', '|', '!', '@', 'U', '1', 'here', 'https://', 'x', '\n') }),
    );
    fc.assert(
      fc.property(any, any, (url, label) => {
        expect(link(url, label)).toMatch(/^(?:<https?:\/\/[^\s<>|]+\|[^<>]*>|[^<>]*)$/);
        expect(mention(url)).toMatch(/^(?:<@[UW][A-Z0-9]+>|[^<>]*)$/);
      }),
      { numRuns: 300 },
    );
  });
});

describe('Slack’s limits', () => {
  test('too many blocks lose the middle and keep the fact and the buttons', () => {
    const [only] = say('line').blocks;
    if (!only) throw new Error('no block');
    const buttons = compose({ fact: 'f', buttons: [button(ACTION.resume, 'Resume', 'r-1')] }).blocks;
    const { blocks } = withinLimits({ text: 't', blocks: [...Array.from({ length: 80 }, () => only), ...buttons] });
    expect(blocks).toHaveLength(50);
    expect(blocks.at(-1)?.type).toBe('actions');
    expect(JSON.stringify(blocks.at(-2))).toContain('33 more, not shown here');
  });

  test('too many rows of a table are left out, and it is said how many', () => {
    const { block } = tableFigure(
      ['Key', 'What'],
      Array.from({ length: 150 }, (_, at) => [`key ${at}`, 'x'.repeat(120)]),
    );
    if (block.type !== 'table') throw new Error('no table');
    const [table, note] = withinLimits({ text: 't', blocks: [block] }).blocks;
    if (table?.type !== 'table') throw new Error('no table');
    expect(table.rows.length).toBeLessThan(100);
    expect(JSON.stringify(note)).toContain(`${151 - table.rows.length} more rows, not shown here.`);
  });

  test('an empty text goes, as Slack refuses it', () => {
    expect(withinLimits(say('', 'line')).blocks).toHaveLength(1);
    expect(withinLimits({ text: 't', blocks: say('').blocks }).blocks).toEqual([]);
  });

  test('a section says in a view as in a message how many of its fields are not shown, and no empty text', () => {
    const fields = Array.from({ length: 12 }, (_, at) => ({ type: 'mrkdwn', text: `field ${at}` }) as const);
    const blocks = [{ type: 'section', text: { type: 'mrkdwn', text: '' }, fields } as const];
    const fitted = withinLimits({ text: 't', blocks }).blocks;
    expect(fitted).toEqual([
      { type: 'section', fields: fields.slice(0, 10) },
      { type: 'context', elements: [{ type: 'mrkdwn', text: '2 more, not shown here.' }] },
    ]);
    expect(viewWithinLimits({ type: 'home', blocks: [...blocks] }).blocks).toEqual(fitted);
  });

  test('two buttons of one name are a defect and are never sent', () => {
    const twice = [button(ACTION.resume, 'Resume', 'r-1'), button(ACTION.resume, 'Again', 'r-1')];
    expect(() => withinLimits(compose({ fact: 'f', buttons: twice }))).toThrow(MessageLimitError);
  });
});
