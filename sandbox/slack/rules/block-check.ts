import { BLOCK_RULES, CATALOGUES } from './block-rules.ts';
import { type JsonRecord, recordOf, recordsOf, textOf } from './json.ts';
import { check, list, type Problem, plainText, type Surface, string, typed } from './rule.ts';

const MOST_BLOCKS: Readonly<Record<Surface, number>> = { message: 50, modal: 100, home: 100 };
/** Slack's limit for a view, in bytes of its JSON. */
const MOST_VIEW_BYTES = 250 * 1024;
const MOST_TABLE_CHARACTERS = 10_000;
const MOST_MARKDOWN_CHARACTERS = 12_000;

/**
 * Every problem for which Slack would refuse these blocks on that surface; empty when they are valid. `refusedTypes`
 * are block types that are answered with invalid_blocks, as by an older Slack.
 */
export function checkBlocks(
  blocks: unknown,
  surface: Surface,
  options: { pointer?: string; refusedTypes?: ReadonlySet<string> } = {},
): Problem[] {
  const pointer = options.pointer ?? '/blocks';
  const allowed = Object.entries(BLOCK_RULES)
    .filter(([type, rule]) => rule.surfaces.includes(surface) && !options.refusedTypes?.has(type))
    .map(([type]) => type);
  const problems = check(blocks, list(typed('block', allowed), 0, MOST_BLOCKS[surface]), pointer, CATALOGUES);
  const top = recordsOf(blocks);
  return [
    ...problems,
    ...duplicateBlockIds(top, pointer),
    ...top.flatMap((block, index) => duplicateActionIds(block, `${pointer}/${index}`)),
    ...top.flatMap((block, index) => checkMeaning(block, `${pointer}/${index}`)),
    ...tooMany(top, pointer),
  ];
}

/** The problems of a view and its blocks. Pointers start at `/view`. */
export function checkView(view: unknown, refusedTypes?: ReadonlySet<string>): Problem[] {
  const body = recordOf(view);
  const surface = body.type;
  if (surface !== 'modal' && surface !== 'home')
    return [{ message: 'must be a valid enum value: modal, home', pointer: '/view/type' }];
  const at = (name: string) => `/view/${name}`;
  const optional = (name: string, rule: Parameters<typeof check>[1]) =>
    body[name] === undefined || body[name] === null ? [] : check(body[name], rule, at(name), CATALOGUES);
  const problems = [
    ...optional('private_metadata', string(3000)),
    ...optional('callback_id', string(255)),
    ...optional('external_id', string(255)),
    ...(body.blocks === undefined ? [{ message: 'missing required field: blocks', pointer: '/view' }] : []),
    ...(body.blocks === undefined
      ? []
      : checkBlocks(body.blocks, surface, { pointer: '/view/blocks', ...(refusedTypes ? { refusedTypes } : {}) })),
  ];
  if (surface === 'modal') {
    if (body.title === undefined) problems.push({ message: 'missing required field: title', pointer: '/view' });
    for (const name of ['title', 'submit', 'close']) problems.push(...optional(name, plainText(24)));
    const hasInput = recordsOf(body.blocks).some((block) => block.type === 'input');
    if (hasInput && (body.submit === undefined || body.submit === null))
      problems.push({ message: 'must define `submit` to use an `input` block in modals', pointer: '/view' });
  }
  const known = new Set([
    ...['type', 'blocks', 'private_metadata', 'callback_id', 'external_id'],
    ...(surface === 'modal'
      ? ['title', 'submit', 'close', 'clear_on_close', 'notify_on_close', 'submit_disabled']
      : []),
  ]);
  for (const name of Object.keys(body))
    if (!known.has(name)) problems.push({ message: `invalid additional property: ${name}`, pointer: '/view' });
  return problems;
}

export const isViewTooLarge = (view: unknown): boolean =>
  Buffer.byteLength(JSON.stringify(view) ?? '') > MOST_VIEW_BYTES;

/** A problem in Slack's format: `must be less than 3001 characters [json-pointer:/blocks/0/text/text]`. */
export const describeProblem = (problem: Problem): string => `${problem.message} [json-pointer:${problem.pointer}]`;

/** The blocks inside of a block (container, plan, carousel), with their paths. */
export function childBlocks(block: JsonRecord): readonly { readonly block: JsonRecord; readonly path: string }[] {
  const inside = (name: string) =>
    recordsOf(block[name]).map((child, index) => ({ block: child, path: `${name}/${index}` }));
  if (block.type === 'container') return inside('child_blocks');
  if (block.type === 'carousel') return inside('elements');
  return [];
}

/** The interactive elements of this block, without those of its child blocks. */
export function elementsIn(block: JsonRecord): readonly JsonRecord[] {
  switch (block.type) {
    case 'actions':
    case 'context_actions':
      return recordsOf(block.elements);
    case 'section':
      return recordsOf([block.accessory]);
    case 'input':
      return recordsOf([block.element]);
    case 'card':
      return recordsOf(block.actions);
    default:
      return [];
  }
}

function duplicateBlockIds(blocks: readonly JsonRecord[], pointer: string): Problem[] {
  const seen = new Set<string>();
  const problems: Problem[] = [];
  const visit = (block: JsonRecord, at: string) => {
    const id = textOf(block.block_id);
    if (id !== undefined && seen.has(id))
      problems.push({ message: `\`block_id\` already exists: ${id}`, pointer: `${at}/block_id` });
    if (id !== undefined) seen.add(id);
    for (const child of childBlocks(block)) visit(child.block, `${at}/${child.path}`);
  };
  for (const [index, block] of blocks.entries()) visit(block, `${pointer}/${index}`);
  return problems;
}

function duplicateActionIds(block: JsonRecord, pointer: string): Problem[] {
  const seen = new Set<string>();
  const problems: Problem[] = [];
  for (const [index, element] of elementsIn(block).entries()) {
    const id = textOf(element.action_id);
    if (id !== undefined && seen.has(id))
      problems.push({
        message: `\`action_id\` already exists: ${id}`,
        pointer: `${pointer}/elements/${index}/action_id`,
      });
    if (id !== undefined) seen.add(id);
  }
  return [
    ...problems,
    ...childBlocks(block).flatMap((child) => duplicateActionIds(child.block, `${pointer}/${child.path}`)),
  ];
}

/** Rules across fields: rows of equal length, unique task ids, series that match their axis. */
function checkMeaning(block: JsonRecord, pointer: string): Problem[] {
  if (block.type === 'plan') {
    const ids = recordsOf(block.tasks).map((task) => task.task_id);
    return new Set(ids).size === ids.length
      ? []
      : [{ message: '`task_id` must be unique', pointer: `${pointer}/tasks` }];
  }
  if (block.type === 'table' || block.type === 'data_table') return checkTable(block, pointer);
  if (block.type === 'data_visualization') return checkChart(recordOf(block.chart), `${pointer}/chart`);
  return childBlocks(block).flatMap((child) => checkMeaning(child.block, `${pointer}/${child.path}`));
}

function checkTable(block: JsonRecord, pointer: string): Problem[] {
  const rows = Array.isArray(block.rows) ? block.rows : [];
  const widths = new Set(rows.map((row) => (Array.isArray(row) ? row.length : 0)));
  const problems: Problem[] = [];
  if (block.type === 'data_table' && widths.size > 1)
    problems.push({ message: 'all rows must have the same number of cells', pointer: `${pointer}/rows` });
  if (block.type === 'data_table' && recordsOf(rows[0]).some((cell) => cell.type === 'rich_text'))
    problems.push({ message: 'header cells must not be rich_text', pointer: `${pointer}/rows/0` });
  if (charactersIn(rows) > MOST_TABLE_CHARACTERS)
    problems.push({ message: `must be less than ${MOST_TABLE_CHARACTERS + 1} characters`, pointer: `${pointer}/rows` });
  return problems;
}

/** The number of visible characters: every `text` at any depth. */
function charactersIn(value: unknown): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, entry) => sum + charactersIn(entry), 0);
  return Object.entries(recordOf(value)).reduce(
    (sum, [name, entry]) => sum + (name === 'text' && typeof entry === 'string' ? entry.length : charactersIn(entry)),
    0,
  );
}

function checkChart(chart: JsonRecord, pointer: string): Problem[] {
  const series = recordsOf(chart.series);
  const categories = recordOf(chart.axis_config).categories;
  if (!Array.isArray(categories)) return [];
  const problems: Problem[] = [];
  if (new Set(series.map((entry) => entry.name)).size < series.length)
    problems.push({ message: 'series names must be unique', pointer: `${pointer}/series` });
  for (const [index, entry] of series.entries()) {
    const labels = recordsOf(entry.data).map((point) => point.label);
    if (labels.length !== categories.length || labels.some((label) => !categories.includes(label)))
      problems.push({ message: 'data labels must match axis categories', pointer: `${pointer}/series/${index}/data` });
  }
  return problems;
}

function tooMany(blocks: readonly JsonRecord[], pointer: string): Problem[] {
  const count = (type: string) => blocks.filter((block) => block.type === type).length;
  const markdown = blocks.reduce(
    (sum, block) => sum + (block.type === 'markdown' ? (textOf(block.text)?.length ?? 0) : 0),
    0,
  );
  return [
    ...(count('table') > 1 ? [{ message: 'only_one_table_allowed', pointer }] : []),
    ...(count('data_visualization') > 2 ? [{ message: 'no more than 2 charts allowed', pointer }] : []),
    ...(markdown > MOST_MARKDOWN_CHARACTERS
      ? [{ message: `must be less than ${MOST_MARKDOWN_CHARACTERS + 1} characters`, pointer }]
      : []),
  ];
}
