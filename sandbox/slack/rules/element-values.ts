import { PersonRefusedError } from '../errors.ts';
import { childBlocks, elementsIn } from './block-check.ts';
import { isRecord, type JsonRecord, present, recordOf, recordsOf, textOf } from './json.ts';

/** The state of an element, as in `state.values[block_id][action_id]`. */
export type ElementState = JsonRecord;
/** Element states by block id, then action id. */
export type ElementValues = Readonly<Record<string, Readonly<Record<string, ElementState>>>>;

/** An element and its block. */
export interface PlacedElement {
  readonly element: JsonRecord;
  readonly block: JsonRecord;
  readonly blockId: string;
  readonly actionId: string;
}

/** Lookups in the workspace for a choice. Each returns undefined when there is no match. */
export interface ChoiceLookups {
  readonly userId: (idOrName: string) => string | undefined;
  readonly channelId: (idOrName: string) => string | undefined;
  readonly file: (id: string) => JsonRecord | undefined;
  /** An option that the app suggested for this element recently. */
  readonly suggested: (value: string) => JsonRecord | undefined;
}

/** Every interactive element, in reading order. */
export function placedElements(blocks: readonly JsonRecord[]): readonly PlacedElement[] {
  return blocks.flatMap((block) => [
    ...elementsIn(block).flatMap((element) => {
      const actionId = textOf(element.action_id);
      return actionId === undefined ? [] : [{ element, block, blockId: textOf(block.block_id) ?? '', actionId }];
    }),
    ...placedElements(childBlocks(block).map((child) => child.block)),
  ]);
}

/** For each type of element: the field of its value, and the field of its initial value. */
const SLOTS: Readonly<Record<string, { readonly slot: string; readonly initial?: string; readonly many?: true }>> = {
  plain_text_input: { slot: 'value', initial: 'initial_value' },
  number_input: { slot: 'value', initial: 'initial_value' },
  email_text_input: { slot: 'value', initial: 'initial_value' },
  url_text_input: { slot: 'value', initial: 'initial_value' },
  rich_text_input: { slot: 'rich_text_value', initial: 'initial_value' },
  static_select: { slot: 'selected_option', initial: 'initial_option' },
  external_select: { slot: 'selected_option', initial: 'initial_option' },
  radio_buttons: { slot: 'selected_option', initial: 'initial_option' },
  checkboxes: { slot: 'selected_options', initial: 'initial_options', many: true },
  multi_static_select: { slot: 'selected_options', initial: 'initial_options', many: true },
  multi_external_select: { slot: 'selected_options', initial: 'initial_options', many: true },
  users_select: { slot: 'selected_user', initial: 'initial_user' },
  multi_users_select: { slot: 'selected_users', initial: 'initial_users', many: true },
  channels_select: { slot: 'selected_channel', initial: 'initial_channel' },
  multi_channels_select: { slot: 'selected_channels', initial: 'initial_channels', many: true },
  conversations_select: { slot: 'selected_conversation', initial: 'initial_conversation' },
  multi_conversations_select: { slot: 'selected_conversations', initial: 'initial_conversations', many: true },
  datepicker: { slot: 'selected_date', initial: 'initial_date' },
  timepicker: { slot: 'selected_time', initial: 'initial_time' },
  datetimepicker: { slot: 'selected_date_time', initial: 'initial_date_time' },
  file_input: { slot: 'files', many: true },
};

const slotOf = (element: JsonRecord) => SLOTS[String(element.type)];

/** Whether the element has a value. Buttons and overflow menus have none. */
export const holdsValue = (element: JsonRecord): boolean => slotOf(element) !== undefined;

/** The state of an element that nobody changed. */
export function initialState(element: JsonRecord): ElementState {
  const slot = slotOf(element);
  if (!slot) return { type: element.type };
  const initial = slot.initial === undefined ? undefined : element[slot.initial];
  return { type: element.type, [slot.slot]: initial ?? (slot.many ? [] : null) };
}

export function isEmptyState(element: JsonRecord, state: ElementState): boolean {
  const held = state[slotOf(element)?.slot ?? 'value'];
  return held === null || held === undefined || held === '' || (Array.isArray(held) && held.length === 0);
}

/** The values of all elements: from `entered`, otherwise the initial value. */
export function stateOf(blocks: readonly JsonRecord[], entered: ElementValues): ElementValues {
  const values: Record<string, Record<string, ElementState>> = {};
  for (const { element, blockId, actionId } of placedElements(blocks)) {
    if (!holdsValue(element)) continue;
    const kept = entered[blockId]?.[actionId];
    values[blockId] = {
      ...values[blockId],
      [actionId]: kept && kept.type === element.type ? kept : initialState(element),
    };
  }
  return values;
}

/**
 * The state after a choice. `raw` is a text, a number, the value of an option, a list of them, or the id or name of a
 * user or channel. Throws PersonRefusedError when the person could not make this choice.
 */
export function chosenState(placed: PlacedElement, raw: unknown, lookups: ChoiceLookups): ElementState {
  const { element } = placed;
  const slot = slotOf(element);
  const type = String(element.type);
  if (!slot) throw new PersonRefusedError(400, 'not_an_input', `A ${type} has no value.`);
  if (slot.slot === 'rich_text_value') return { type, rich_text_value: isRecord(raw) ? raw : richTextOf(String(raw)) };
  const one = (value: unknown): unknown => {
    if (/option/.test(slot.slot)) return optionWith(placed, String(value), lookups);
    if (/^selected_user/.test(slot.slot)) return known('user', String(value), lookups.userId(String(value)));
    if (/^selected_(channel|conversation)/.test(slot.slot))
      return known('channel', String(value), lookups.channelId(String(value)));
    if (slot.slot === 'files') return known('file', String(value), lookups.file(String(value)));
    return slot.slot === 'selected_date_time' ? Number(value) : String(value);
  };
  const isNothing = raw === null || raw === undefined || raw === '';
  if (slot.many) {
    const chosen = isNothing ? [] : Array.isArray(raw) ? raw : [raw];
    return { type, [slot.slot]: chosen.map(one) };
  }
  return { type, [slot.slot]: isNothing ? null : one(raw) };
}

/** The entry of `actions` in a block_actions payload. `raw` is the choice; buttons need none. */
export function actionTaken(placed: PlacedElement, raw: unknown, ts: string, lookups: ChoiceLookups): JsonRecord {
  const { element, blockId, actionId } = placed;
  const base = { type: element.type, action_id: actionId, block_id: blockId, action_ts: ts };
  switch (element.type) {
    case 'button':
    case 'icon_button':
    case 'workflow_button':
      return present({ ...base, text: element.text, value: element.value, style: element.style });
    case 'overflow':
      return { ...base, selected_option: optionWith(placed, String(raw), lookups) };
    case 'feedback_buttons': {
      const chosen = [recordOf(element.positive_button), recordOf(element.negative_button)].find(
        (button) => button.value === raw,
      );
      if (!chosen) throw noSuchOption(actionId, String(raw), [element.positive_button, element.negative_button]);
      return { ...base, text: chosen.text, value: chosen.value };
    }
    default:
      return present({ ...base, ...chosenState(placed, raw, lookups), placeholder: element.placeholder });
  }
}

function optionWith(placed: PlacedElement, value: string, lookups: ChoiceLookups): JsonRecord {
  const { element } = placed;
  const offered = [
    ...recordsOf(element.options),
    ...recordsOf(element.option_groups).flatMap((group) => recordsOf(group.options)),
  ];
  const found = offered.find((option) => option.value === value) ?? lookups.suggested(value);
  if (found) return found;
  // The app has the options of an external select. A test may choose one without asking for suggestions first.
  if (String(element.type).endsWith('external_select'))
    return { text: { type: 'plain_text', text: value, emoji: true }, value };
  throw noSuchOption(placed.actionId, value, offered);
}

const noSuchOption = (actionId: string, value: string, offered: readonly unknown[]) =>
  new PersonRefusedError(404, 'no_such_option', `"${actionId}" has no option with the value "${value}".`, {
    offered: offered.map((option) => recordOf(option).value),
  });

function known<T>(what: string, asked: string, found: T | undefined): T {
  if (found === undefined) throw new PersonRefusedError(404, `no_such_${what}`, `There is no ${what} "${asked}".`);
  return found;
}

const richTextOf = (text: string): JsonRecord => ({
  type: 'rich_text',
  elements: [{ type: 'rich_text_section', elements: text === '' ? [] : [{ type: 'text', text }] }],
});

/** The reasons why Slack's client does not submit these values: a message by block id; empty when it does. */
export function clientRefusals(blocks: readonly JsonRecord[], values: ElementValues): Readonly<Record<string, string>> {
  const refusals: Record<string, string> = {};
  for (const placed of placedElements(blocks)) {
    if (placed.block.type !== 'input') continue;
    const state = values[placed.blockId]?.[placed.actionId] ?? initialState(placed.element);
    const isEmpty = isEmptyState(placed.element, state);
    const refusal = isEmpty
      ? placed.block.optional === true
        ? undefined
        : 'Please complete this required field.'
      : refusalOf(placed.element, state);
    if (refusal !== undefined) refusals[placed.blockId] = refusal;
  }
  return refusals;
}

function refusalOf(element: JsonRecord, state: ElementState): string | undefined {
  const text = textOf(state.value) ?? '';
  const bound = (name: string) => (element[name] === undefined ? undefined : Number(element[name]));
  const [min, max] = [bound('min_length') ?? 0, bound('max_length') ?? 3000];
  switch (element.type) {
    case 'plain_text_input':
      if (text.length < min) return `Please enter at least ${min} characters.`;
      return text.length > max ? `Please enter at most ${max} characters.` : undefined;
    case 'number_input': {
      if (!/^-?\d+(\.\d+)?$/.test(text)) return 'Please enter a number.';
      if (element.is_decimal_allowed !== true && text.includes('.')) return 'Please enter a whole number.';
      const [least, most] = [bound('min_value'), bound('max_value')];
      if (least !== undefined && Number(text) < least) return `Please enter a number of at least ${least}.`;
      return most !== undefined && Number(text) > most ? `Please enter a number of at most ${most}.` : undefined;
    }
    case 'email_text_input':
      return /^\S+@\S+\.\S+$/.test(text) ? undefined : 'Please enter an email address.';
    case 'url_text_input':
      return URL.canParse(text) ? undefined : 'Please enter a URL.';
    case 'datepicker':
      return /^\d{4}-\d\d-\d\d$/.test(String(state.selected_date)) ? undefined : 'Please choose a date.';
    case 'file_input':
      return recordsOf(state.files).length > (bound('max_files') ?? 10) ? 'Too many files.' : undefined;
    default:
      return undefined;
  }
}
