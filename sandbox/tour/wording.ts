import { z } from 'zod';
import { nameOf, type SeenMessage, type SeenView } from '../people.ts';

/**
 * The contents of the local Slack as lines for a terminal. Blocks are read as Slack shows them: buttons as `[Label]`,
 * fields and rows on separate lines. An unknown block is printed as JSON.
 */

const textSchema = z.looseObject({ text: z.string() });
const buttonSchema = z.looseObject({ type: z.literal('button'), text: textSchema });
const sectionSchema = z.looseObject({
  type: z.literal('section'),
  text: textSchema.optional(),
  fields: z.array(textSchema).default([]),
  accessory: buttonSchema.optional(),
});
const contextSchema = z.looseObject({ type: z.literal('context'), elements: z.array(textSchema) });
const actionsSchema = z.looseObject({ type: z.literal('actions'), elements: z.array(buttonSchema) });
const richSchema = z.looseObject({ elements: z.array(z.looseObject({ elements: z.array(z.unknown()) })) });
const richPartSchema = z.union([
  z.looseObject({ type: z.literal('user'), user_id: z.string() }),
  z.looseObject({ text: z.string(), style: z.looseObject({ code: z.boolean().optional() }).optional() }),
]);
const planSchema = z.looseObject({
  type: z.literal('plan'),
  title: z.string(),
  tasks: z.array(z.looseObject({ title: z.string(), status: z.string(), output: richSchema.optional() })),
});
const tableSchema = z.looseObject({
  type: z.literal('table'),
  rows: z.array(z.array(z.looseObject({ text: z.string() }))),
});
const chartSchema = z.looseObject({
  type: z.literal('data_visualization'),
  title: z.string(),
  chart: z.looseObject({
    series: z.array(z.looseObject({ name: z.string(), data: z.array(z.looseObject({ value: z.number() })) })),
  }),
});
const inputSchema = z.looseObject({
  type: z.literal('input'),
  block_id: z.string(),
  label: textSchema,
  element: z.looseObject({
    options: z.array(z.looseObject({ text: textSchema, value: z.string() })).default([]),
  }),
});

const SIGNS: Readonly<Record<string, string>> = {
  white_check_mark: '✔',
  warning: '⚠',
  x: '✘',
  no_entry: '⛔',
  grey_question: '?',
};
const STATUS_SIGNS: Readonly<Record<string, string>> = { complete: '✔', in_progress: '…', error: '✘', pending: '○' };
const BARS = '▁▂▃▄▅▆▇█';

/** mrkdwn as plain text, without its formatting characters. */
export const plainText = (text: string): string =>
  text
    .replace(/<@([UW][A-Z0-9]+)>/g, (_, id: string) => `@${nameOf(id)}`)
    .replace(/<!date\^\d+\^[^|>]*\|([^>]*)>/g, '$1')
    .replace(/<([^|<>]+)\|([^<>]+)>/g, '$2 ($1)')
    .replace(/```\n?/g, '')
    // Signs within code have no meaning.
    .replace(/`[^`\n]*`|(^|[\s(])\*((?:`[^`\n]*`|[^*`\n])+)\*/gm, (whole, before?: string, bold?: string) =>
      bold === undefined ? whole : `${before}${bold}`,
    )
    .replace(/:([a-z_]+):/g, (whole, name: string) => SIGNS[name] ?? whole)
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');

/** The lines of a message: text, buttons, files. The first line is its main statement. */
export function messageLines(message: Pick<SeenMessage, 'text' | 'blocks' | 'files'>): string[] {
  const said = message.blocks.length > 0 ? message.blocks.flatMap(blockLines) : plainText(message.text).split('\n');
  const files = message.files.map(({ name, size }) => `[file ${name}, ${size.toLocaleString('en-US')} bytes]`);
  return [...said, ...files].filter((line) => line !== '');
}

function blockLines(block: SeenMessage['blocks'][number]): string[] {
  switch (block.type) {
    case 'section': {
      const { text, fields, accessory } = sectionSchema.parse(block);
      return [
        ...(text ? plainText(text.text).split('\n') : []),
        ...fields.map((field) => plainText(field.text).replace('\n', ': ').split('\n').join(' · ')),
        ...(accessory ? [`[${accessory.text.text}]`] : []),
      ];
    }
    case 'context':
      return contextSchema.parse(block).elements.flatMap(({ text }) => plainText(text).split('\n'));
    case 'actions':
      return [
        actionsSchema
          .parse(block)
          .elements.map(({ text }) => `[${text.text}]`)
          .join(' '),
      ];
    case 'plan': {
      const { title, tasks } = planSchema.parse(block);
      return [
        title,
        ...tasks.map(
          (task) =>
            `${STATUS_SIGNS[task.status] ?? task.status} ${task.title}${task.output ? ` · ${richText(task.output)}` : ''}`,
        ),
      ];
    }
    case 'table': {
      const rows = tableSchema.parse(block).rows.map((row) => row.map(({ text }) => text));
      return columns(rows);
    }
    case 'data_visualization': {
      const { title, chart } = chartSchema.parse(block);
      return chart.series.map(
        ({ name, data }) =>
          `${title}, ${name}: ${bars(data.map(({ value }) => value))} (last ${data.at(-1)?.value ?? 0})`,
      );
    }
    case 'input': {
      const { label, element } = inputSchema.parse(block);
      const choices = element.options.map(({ text }) => text.text).join(' | ');
      return [`${label.text}: ${choices === '' ? '…' : choices}`];
    }
    case 'divider':
      return ['―'];
    default:
      return [JSON.stringify(block)];
  }
}

const richText = (text: z.output<typeof richSchema>): string =>
  text.elements
    .flatMap(({ elements }) => elements)
    .map((part) => {
      const read = richPartSchema.safeParse(part);
      if (!read.success) return JSON.stringify(part);
      if ('user_id' in read.data && typeof read.data.user_id === 'string') return `@${nameOf(read.data.user_id)}`;
      return 'text' in read.data ? String(read.data.text) : '';
    })
    .join('');

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>((most, row) => row.map((cell, at) => Math.max(most[at] ?? 0, cell.length)), []);
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

const bars = (values: readonly number[]): string => {
  const most = Math.max(...values, 1);
  return values.map((value) => BARS[Math.round((value / most) * (BARS.length - 1))]).join('');
};

/** The lines of a form: its title, its text, its fields. */
export const viewLines = (view: SeenView): string[] => [
  `opens the form “${view.body.title?.text ?? 'without a title'}”`,
  ...view.blocks.flatMap(blockLines),
];

/** The submitted values, each with its label; options by their text. */
export function filledLines(view: SeenView | undefined, values: Readonly<Record<string, unknown>>): string[] {
  const fields = new Map(
    (view?.blocks ?? []).flatMap((block) => {
      const read = inputSchema.safeParse(block);
      return read.success ? [[read.data.block_id, read.data] as const] : [];
    }),
  );
  return Object.entries(values).map(([id, value]) => {
    const field = fields.get(id);
    const words = (Array.isArray(value) ? value : [value]).map(
      (one) => field?.element.options.find((option) => option.value === one)?.text.text ?? String(one),
    );
    return `${field?.label.text ?? id}: ${words.join(', ')}`;
  });
}

/** The label of the button `actionId` in this message, or the id when there is none. */
export function labelOf(message: Pick<SeenMessage, 'blocks'> | undefined, actionId: string): string {
  const named = z.looseObject({ action_id: z.literal(actionId), text: textSchema });
  const elements = (message?.blocks ?? []).flatMap((block) => {
    const { elements = [], accessory } = z
      .looseObject({ elements: z.array(z.unknown()).optional(), accessory: z.unknown().optional() })
      .parse(block);
    return [...elements, accessory];
  });
  for (const element of elements) {
    const read = named.safeParse(element);
    if (read.success) return read.data.text.text;
  }
  return actionId;
}

/** Splits a line to the width. Only a single longer word may exceed it. No text is lost. */
export function wrapped(line: string, width: number): string[] {
  const lines: string[] = [];
  let rest = line;
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    const at = space > 0 ? space : rest.indexOf(' ', width);
    if (at < 0) break;
    lines.push(rest.slice(0, at));
    rest = rest.slice(at + 1);
  }
  return [...lines, rest];
}
