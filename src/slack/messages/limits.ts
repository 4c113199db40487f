import type { TableBlock } from '@slack/types';
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
  tableRows: 100,
  tableColumns: 20,
  tableText: 10_000,
  chartTitle: 50,
  chartSeries: 6,
  chartCategories: 20,
  chartLabel: 20,
  buttonText: 75,
  buttonValue: 2_000,
  /** chat.update takes no more, though chat.postMessage does. */
  text: 4_000,
} as const;

/** A message no cutting can make Slack take: a defect of ours. */
export class MessageLimitError extends Error {
  override readonly name = 'MessageLimitError';
}

/**
 * The message as Slack takes it: texts too long are cut with an ellipsis, and where blocks are too many the middle goes,
 * so that the fact stays on top and the buttons at the end. Every message passes here before it is sent.
 * @throws MessageLimitError where two buttons have one action id, or a button's label or value is too long: these are ours.
 */
export function withinLimits(message: Message): Message {
  const seen = new Set<string>();
  const blocks = message.blocks.map((block) => fitBlock(block, seen));
  const fitted = { text: cutMrkdwn(message.text, LIMITS.text), blocks: fitCount(blocks) };
  if (!message.plain) return fitted;
  const seenInPlain = new Set<string>();
  return { ...fitted, plain: fitCount(message.plain.map((block) => fitBlock(block, seenInPlain))) };
}

function fitCount(blocks: readonly MessageBlock[]): readonly MessageBlock[] {
  if (blocks.length <= LIMITS.blocks) return blocks;
  const last = blocks.at(-1);
  const tail = last?.type === 'actions' ? [last] : [];
  const room = LIMITS.blocks - tail.length - 1;
  const left = blocks.length - tail.length - room;
  const note: MessageBlock = { type: 'context', elements: [{ type: 'mrkdwn', text: `${left} more, not shown here.` }] };
  return [...blocks.slice(0, room), note, ...tail];
}

function fitBlock(block: MessageBlock, seen: Set<string>): MessageBlock {
  switch (block.type) {
    case 'section':
      return {
        ...block,
        ...(block.text ? { text: { ...block.text, text: cutMrkdwn(block.text.text, LIMITS.sectionText) } } : {}),
        ...(block.fields
          ? {
              fields: block.fields
                .slice(0, LIMITS.fields)
                .map((field) => ({ ...field, text: cutMrkdwn(field.text, LIMITS.fieldText) })),
            }
          : {}),
      };
    case 'context':
      return {
        ...block,
        elements: block.elements
          .slice(0, LIMITS.contextElements)
          .map((element) =>
            'text' in element ? { ...element, text: cutMrkdwn(element.text, LIMITS.contextText) } : element,
          ),
      };
    case 'table':
      return { ...block, rows: fitRows(block.rows) };
    case 'data_visualization':
      return fitChart(block);
    case 'plan':
      return { ...block, tasks: (block.tasks ?? []).slice(0, LIMITS.tasks) };
    case 'actions': {
      if (block.elements.length > LIMITS.actions)
        throw new MessageLimitError(`${block.elements.length} buttons in a row; Slack takes ${LIMITS.actions}.`);
      for (const element of block.elements) if (element.type === 'button') checkButton(element, seen);
      return block;
    }
  }
}

/** As many rows as there is room for; the cells are cut before, by whoever writes them. */
function fitRows(rows: TableBlock['rows']): TableBlock['rows'] {
  let text = 0;
  return rows.slice(0, LIMITS.tableRows).filter((row) => {
    text += JSON.stringify(row).length;
    return text <= LIMITS.tableText;
  });
}

function fitChart(block: ChartBlock): ChartBlock {
  const { series, axis_config: axis } = block.chart;
  if (series.length > LIMITS.chartSeries || axis.categories.length > LIMITS.chartCategories)
    throw new MessageLimitError(`A chart of ${series.length} series and ${axis.categories.length} categories.`);
  if (axis.categories.some((label) => label.length > LIMITS.chartLabel))
    throw new MessageLimitError('A category of a chart has too long a label.');
  return { ...block, title: block.title.slice(0, LIMITS.chartTitle) };
}

function checkButton(button: { action_id?: string; text: { text: string }; value?: string }, seen: Set<string>): void {
  const id = button.action_id ?? '';
  if (seen.has(id)) throw new MessageLimitError(`Two buttons of a message are called ${JSON.stringify(id)}.`);
  seen.add(id);
  if (button.text.text.length > LIMITS.buttonText || (button.value?.length ?? 0) > LIMITS.buttonValue)
    throw new MessageLimitError(`The label or value of the button ${id} is too long.`);
}

/** Cuts escaped mrkdwn: no entity, mention, surrogate pair is cut in half, and code type that was open is closed. */
export function cutMrkdwn(text: string, most: number): string {
  if (text.length <= most) return text;
  const whole = text
    .slice(0, most - 2)
    .replace(/&[a-z]{0,3}$/, '')
    .replace(/<[^>]*$/, '')
    .replace(/[\uD800-\uDBFF]$/, '');
  const isOpen = whole.split('`').length % 2 === 0;
  return isOpen ? `${whole}…\`` : `${whole}…`;
}
