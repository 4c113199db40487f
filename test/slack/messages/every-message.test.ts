import { globSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkBlocks, checkView, describeProblem } from '../../../sandbox/slack/rules/block-check.ts';
import { LIMITS, withinLimits } from '../../../src/slack/messages/kit/limits.ts';
import { nameMessage, nameView, pipelineOfBlock } from '../../../src/slack/messages/kit/pipeline-name.ts';
import { viewWithinLimits } from '../../../src/slack/messages/kit/view-limits.ts';
import { distort, seededDraw } from '../../support/messages/distort.ts';
import { RENDERERS, type Rendered } from '../../support/messages/every-message.ts';

/** What other renderers are made of; nobody is shown these alone. */
const TOOLS = [
  'asRefusal',
  'refuseWith',
  'withinLimits',
  'viewWithinLimits',
  'compose',
  'say',
  'withButton',
  'withNote',
  'mapTexts',
];
/** What a function gives that shows something, by its declared type. */
const SHOWN = /^(?:Message|ModalView|HomeView|Alert \| undefined|\{ (?:readonly )?message: Message)/;

/** Every function that src/slack exports and that makes a message or a view. */
function renderersInSource(): string[] {
  return globSync('src/slack/{messages,forms,home}/**/*.ts').flatMap((file) =>
    readFileSync(file, 'utf8')
      .split(/^(?=export )/m)
      .flatMap((part) => {
        const [, name] = /^export (?:function (?:\w+)|const \w+ = )/.test(part)
          ? (/^export (?:function|const) (\w+)/.exec(part) ?? [])
          : [];
        const [, gives] = /\):\s*(.+?)(?: =>| \{$)/m.exec(part) ?? [];
        return name !== undefined && gives !== undefined && SHOWN.test(gives) ? [name] : [];
      }),
  );
}

const UNSEEN = ['\u202E', '\u2028', '\u200B', '\u0000'];

const isView = (rendered: Rendered): rendered is Exclude<Rendered, { blocks: readonly unknown[]; text: string }> =>
  'type' in rendered;

/** Everything that Slack would refuse of it. */
function problemsOf(rendered: Rendered): string[] {
  if (isView(rendered)) return checkView(viewWithinLimits(rendered)).map(describeProblem);
  const { text, blocks, plain } = withinLimits(rendered);
  return [
    ...checkBlocks(blocks, 'message'),
    ...(plain ? checkBlocks(plain, 'message') : []),
    ...(text === '' || text.length > LIMITS.text ? [{ message: `a text of ${text.length}`, pointer: '/text' }] : []),
  ].map(describeProblem);
}

/** What is wrong with a text for a reader: half characters, half entities, tags that are not ours, code type left open. */
function damageIn(text: string): string[] {
  const tags = [...text.matchAll(/<[^>]*>?/g)].map(String);
  const ours = /^<(?:@[UW][A-Z0-9]+|!subteam\^S[A-Z0-9]+|#[CG][A-Z0-9]+|!date\^\d+\^[^>]+|https?:[^>]+)>$/;
  const spans = text.split('```').filter((_, at) => at % 2 === 0);
  return [
    ...(text.isWellFormed() ? [] : ['half a character']),
    ...(/&(?!(?:amp|lt|gt);)/.test(text)
      ? [`half an entity: ${/.{0,80}&(?!(?:amp|lt|gt);).{0,20}/.exec(text)?.[0]}`]
      : []),
    ...tags.filter((tag) => !ours.test(tag)).map((tag) => `a tag: ${tag.slice(0, 60)}`),
    ...(text.split('```').length % 2 === 0 ? [`an open fence: …${text.slice(-300)}`] : []),
    ...spans
      .flatMap((span) => span.split('\n'))
      .filter((line) => line.split('`').length % 2 === 0)
      .map((line) => `open code type: …${line.slice(-200)}`),
    ...UNSEEN.filter((sign) => text.includes(sign)).map(
      (sign) => `unseen: ${JSON.stringify(text.slice(Math.max(0, text.indexOf(sign) - 80), text.indexOf(sign) + 20))}`,
    ),
  ];
}

function damageOf(rendered: Rendered): string[] {
  const shown = isView(rendered) ? viewWithinLimits(rendered) : withinLimits(rendered);
  const texts: string[] = 'text' in shown && typeof shown.text === 'string' ? [shown.text] : [];
  JSON.stringify(shown.blocks, (_name, value: unknown) => {
    if (typeof value === 'object' && value !== null && 'type' in value && 'text' in value)
      if (value.type === 'mrkdwn' && typeof value.text === 'string') texts.push(value.text);
    return value;
  });
  const halves = JSON.stringify(shown).match(/\\ud[89a-f][0-9a-f]{2}/i) ? ['half a character somewhere'] : [];
  return [...texts.flatMap(damageIn), ...halves];
}

const shownBy = (name: string, seed: number): readonly Rendered[] => {
  const draw = seededDraw(seed);
  return (RENDERERS[name]?.((value) => distort(value, draw)) ?? []).filter((one) => one !== undefined);
};

test('every renderer of messages and views is checked against Slack’s rules, and no other', () => {
  expect(Object.keys(RENDERERS).sort()).toEqual(
    renderersInSource()
      .filter((name) => !TOOLS.includes(name))
      .sort(),
  );
});

describe.each(Object.keys(RENDERERS))('%s', (name) => {
  test('shows its usual states as Slack takes them', () => {
    const usual = (RENDERERS[name]?.((value) => value) ?? []).filter((one) => one !== undefined);
    expect(usual.length).toBeGreaterThan(0);
    for (const one of usual) expect([...problemsOf(one), ...damageOf(one)]).toEqual([]);
  });

  test('names its pipeline first where there are several, and its buttons say whose they are', () => {
    for (const one of shownBy(name, 1)) {
      const named = isView(one) ? nameView(one, 'prod') : nameMessage(one, 'prod');
      expect([...problemsOf(named), ...damageOf(named)]).toEqual([]);
      const [first] = isView(named) ? viewWithinLimits(named).blocks : withinLimits(named).blocks;
      expect(JSON.stringify(first)).toContain('[prod]');
      if (isView(named)) expect(named.callback_id).toMatch(/^prod:/);
      else
        for (const block of named.blocks)
          if (block.type === 'actions') expect(pipelineOfBlock(block.block_id)).toBe('prod');
    }
  });

  test('shows hostile, huge and empty states as Slack takes them', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        for (const one of shownBy(name, seed)) {
          expect(problemsOf(one)).toEqual([]);
          expect(damageOf(one)).toEqual([]);
        }
      }),
      { numRuns: 6 },
    );
  });
});
