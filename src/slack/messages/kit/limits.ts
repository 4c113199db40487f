import type { ContextBlock, SectionBlock, TableBlock } from '@slack/types';
import { shorten } from './escape.ts';
import type { ChartBlock, Message, MessageBlock } from './message.ts';

/** Slack's limits of a message (docs.slack.dev, Block Kit reference). */
export const LIMITS = {
  blocks: 50,
  sectionText: 3_000,
  fields: 10,
  fieldText: 2_000,
  contextElements: 10,
  contextText: 3_000,
  actions: 25,
  tasks: 50,
  tables: 1,
  charts: 2,
  tableRows: 100,
  tableColumns: 20,
  tableText: 10_000,
  chartTitle: 50,
  chartSeries: 6,
  chartCategories: 20,
  chartLabel: 20,
  buttonText: 75,
  buttonValue: 2_000,
  /** The limit of chat.update; chat.postMessage accepts more. */
  text: 4_000,
} as const;

/** A message that Slack would refuse and that cannot be shortened: a bug in the bot. */
export class MessageLimitError extends Error {
  override readonly name = 'MessageLimitError';
}

/**
 * The message within Slack's limits: long texts are cut with an ellipsis; extra rows and blocks are left out, and a line says how many.
 * The fact stays at the top and the buttons at the end. Every message passes here before it is sent.
 * @throws MessageLimitError where two buttons have the same action id, a label or value of a button is too long, or there are too many
 * figures.
 */
export function withinLimits(message: Message): Message {
  const fitted = { text: cutMrkdwn(message.text, LIMITS.text), blocks: fitBlocks(message.blocks) };
  return message.plain ? { ...fitted, plain: fitBlocks(message.plain) } : fitted;
}

function fitBlocks(blocks: readonly MessageBlock[]): readonly MessageBlock[] {
  const count = (type: MessageBlock['type']) => blocks.filter((block) => block.type === type).length;
  if (count('table') > LIMITS.tables || count('data_visualization') > LIMITS.charts)
    throw new MessageLimitError(`A message has ${count('table')} tables and ${count('data_visualization')} charts.`);
  const actionIds = new Set<string>();
  return fitCount(blocks.flatMap((block) => fitBlock(block, actionIds)));
}

function fitCount(blocks: readonly MessageBlock[]): readonly MessageBlock[] {
  if (blocks.length <= LIMITS.blocks) return blocks;
  const last = blocks.at(-1);
  const tail = last?.type === 'actions' ? [last] : [];
  const component = LIMITS.blocks - tail.length - 1;
  const left = blocks.length - tail.length - component;
  return [...blocks.slice(0, component), note(`${left} more, not shown here.`), ...tail];
}

export const note = (text: string): ContextBlock => ({ type: 'context', elements: [{ type: 'mrkdwn', text }] });

/** The block within the limits, and a note about what is left out; nothing for an empty block, because Slack refuses empty texts. */
function fitBlock(block: MessageBlock, actionIds: Set<string>): readonly MessageBlock[] {
  switch (block.type) {
    case 'section':
      return fitSection(block);
    case 'context':
      return fitContext(block);
    case 'table':
      return fitTable(block);
    case 'data_visualization':
      return [fitChart(block)];
    case 'plan':
      return [
        { ...block, tasks: (block.tasks ?? []).slice(0, LIMITS.tasks) },
        ...((block.tasks?.length ?? 0) > LIMITS.tasks ? [note('More tasks, not shown here.')] : []),
      ];
    case 'actions': {
      if (block.elements.length === 0) return [];
      if (block.elements.length > LIMITS.actions)
        throw new MessageLimitError(`A row has ${block.elements.length} buttons; the limit is ${LIMITS.actions}.`);
      for (const element of block.elements) if (element.type === 'button') checkButton(element, actionIds);
      return [block];
    }
  }
}

/**
 * A section of a message or a view within the limits, and how many fields are left out; nothing where it is empty.
 * @throws MessageLimitError where the label or value of its button is too long.
 */
export function fitSection({ text, fields = [], ...rest }: SectionBlock): readonly (SectionBlock | ContextBlock)[] {
  if (rest.accessory?.type === 'button') checkButton(rest.accessory, new Set());
  const shown = fields.filter((field) => field.text !== '');
  if (!text?.text && shown.length === 0) return [];
  const fitted = shown
    .slice(0, LIMITS.fields)
    .map((field) => ({ ...field, text: cutMrkdwn(field.text, LIMITS.fieldText) }));
  return [
    {
      ...rest,
      ...(text?.text ? { text: { ...text, text: cutMrkdwn(text.text, LIMITS.sectionText) } } : {}),
      ...(fitted.length === 0 ? {} : { fields: fitted }),
    },
    ...(shown.length > LIMITS.fields ? [note(`${shown.length - LIMITS.fields} more, not shown here.`)] : []),
  ];
}

/** The small print of a message or a view within the limits; nothing where it is empty. */
export function fitContext(block: ContextBlock): readonly ContextBlock[] {
  const elements = block.elements
    .filter((element) => !('text' in element) || element.text !== '')
    .slice(0, LIMITS.contextElements)
    .map((element) =>
      'text' in element ? { ...element, text: cutMrkdwn(element.text, LIMITS.contextText) } : element,
    );
  return elements.length === 0 ? [] : [{ ...block, elements }];
}

/** As many rows and columns as fit, and how many rows are left out. The cells are already short. */
function fitTable(block: TableBlock): readonly MessageBlock[] {
  let text = 0;
  const rows = block.rows
    .map((row) => row.slice(0, LIMITS.tableColumns))
    .slice(0, LIMITS.tableRows)
    .filter((row) => {
      text += row.reduce((sum, cell) => sum + (cell.type === 'rich_text' ? JSON.stringify(cell) : cell.text).length, 0);
      return text <= LIMITS.tableText;
    });
  const left = block.rows.length - rows.length;
  return [
    {
      ...block,
      rows,
      ...(block.column_settings ? { column_settings: block.column_settings.slice(0, LIMITS.tableColumns) } : {}),
    },
    ...(left > 0 ? [note(`${left} more ${left === 1 ? 'row' : 'rows'}, not shown here.`)] : []),
  ];
}

function fitChart(block: ChartBlock): ChartBlock {
  const { series, axis_config: axis } = block.chart;
  if (series.length > LIMITS.chartSeries || axis.categories.length > LIMITS.chartCategories)
    throw new MessageLimitError(`A chart has ${series.length} series and ${axis.categories.length} categories.`);
  if (axis.categories.some((label) => label.length > LIMITS.chartLabel))
    throw new MessageLimitError('A category of a chart has too long a label.');
  return { ...block, title: shorten(block.title, LIMITS.chartTitle) };
}

function checkButton(
  button: { action_id?: string; text: { text: string }; value?: string },
  actionIds: Set<string>,
): void {
  const id = button.action_id ?? '';
  if (actionIds.has(id))
    throw new MessageLimitError(`Two buttons of a message have the action id ${JSON.stringify(id)}.`);
  actionIds.add(id);
  if (button.text.text.length > LIMITS.buttonText || (button.value?.length ?? 0) > LIMITS.buttonValue)
    throw new MessageLimitError(`The label or value of the button ${id} is too long.`);
}

/**
 * Cuts escaped mrkdwn to `most` characters, the last one an ellipsis. No entity, mention or surrogate pair is cut in half, and open code
 * or bold formatting is closed.
 */
export function cutMrkdwn(text: string, most: number): string {
  if (text.length <= most) return text;
  for (let component = 1; component < most; component++) {
    const whole = text
      .slice(0, most - component)
      // Half of a fence.
      .replace(/(?<!`)`{2}$/, '')
      .replace(/&[a-z]{0,3}$/, '')
      .replace(/<[^>]*$/, '')
      .replace(/[\uD800-\uDBFF]$/, '');
    const cut = `${whole}…${closing(whole)}`;
    if (cut.length <= most) return cut;
  }
  return '…';
}

/** The characters that close code and bold formatting which is open at the end of a text. */
function closing(text: string): string {
  const fences = text.split('```');
  if (fences.length % 2 === 0) return '\n```';
  const line = text.slice(text.lastIndexOf('\n') + 1);
  const inCode = line.split('`').length % 2 === 0;
  const outside = line
    .replaceAll('```', '')
    .split('`')
    .filter((_, at) => at % 2 === 0)
    .join('');
  return `${inCode ? '`' : ''}${/^\*[^*]*$/.test(outside) ? '*' : ''}`;
}
