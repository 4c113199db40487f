import {
  anyText,
  anything,
  boolean,
  type Catalogue,
  type Fields,
  list,
  object,
  oneOf,
  plainText,
  type Rule,
  string,
  typed,
  whole,
} from './rule.ts';

/** Block elements (docs.slack.dev, "Block elements"), their fields and limits. Data only. */

const confirm: Rule = object({
  required: { title: plainText(100), text: anyText(300), confirm: plainText(30), deny: plainText(30) },
  optional: { style: oneOf('primary', 'danger') },
});
const option: Rule = object({
  required: { text: plainText(75), value: string(150, 1) },
  optional: { description: plainText(75), url: string(3000) },
});
const richOption: Rule = object({
  required: { text: anyText(75), value: string(150, 1) },
  optional: { description: anyText(75) },
});
const optionGroup: Rule = object({ required: { label: plainText(75), options: list(option, 1, 100) } });
const image = { slack_file: anything, image_url: string(3000), alt_text: string(2000) };
const dispatchConfig: Rule = object({
  optional: { trigger_actions_on: list(oneOf('on_enter_pressed', 'on_character_entered'), 1, 2) },
});

const actionable = { action_id: string(255, 1) };
const focusable = { ...actionable, focus_on_load: boolean };
const menu = { ...focusable, confirm, placeholder: plainText(150) };
const multiMenu = { ...menu, max_selected_items: whole(1, 100) };
const typedInput = { ...focusable, placeholder: plainText(150), dispatch_action_config: dispatchConfig };
const optionMenu = { options: list(option, 1, 100), option_groups: list(optionGroup, 1, 100) };
const responds = { response_url_enabled: boolean, default_to_current_conversation: boolean, filter: anything };
const choices = (optional: Fields['optional']): Fields => ({
  required: { options: list(richOption, 1, 10) },
  optional: { ...focusable, confirm, ...optional },
});
const feedback: Rule = object({
  required: { text: plainText(75), value: string(2000) },
  optional: { accessibility_label: string(75) },
});

export const ELEMENTS: Catalogue = {
  button: {
    required: { text: plainText(75) },
    optional: {
      ...actionable,
      confirm,
      value: string(2000),
      url: string(3000),
      style: oneOf('primary', 'danger'),
      accessibility_label: string(75),
    },
  },
  workflow_button: {
    required: { text: plainText(75), workflow: anything },
    optional: { ...actionable, confirm, style: oneOf('primary', 'danger'), accessibility_label: string(75) },
  },
  icon_button: {
    required: { icon: oneOf('trash'), text: plainText(75) },
    optional: {
      ...actionable,
      confirm,
      value: string(2000),
      accessibility_label: string(75),
      visible_to_user_ids: anything,
    },
  },
  feedback_buttons: { required: { positive_button: feedback, negative_button: feedback }, optional: actionable },
  overflow: { required: { options: list(option, 1, 5) }, optional: { ...actionable, confirm } },
  checkboxes: choices({ initial_options: list(richOption, 1, 10) }),
  radio_buttons: choices({ initial_option: richOption }),
  static_select: { optional: { ...menu, ...optionMenu, initial_option: option }, someOf: ['options', 'option_groups'] },
  multi_static_select: {
    optional: { ...multiMenu, ...optionMenu, initial_options: list(option, 1, 100) },
    someOf: ['options', 'option_groups'],
  },
  external_select: { optional: { ...menu, initial_option: option, min_query_length: whole(0, 100) } },
  multi_external_select: {
    optional: { ...multiMenu, initial_options: list(option, 1, 100), min_query_length: whole(0, 100) },
  },
  users_select: { optional: { ...menu, initial_user: string() } },
  multi_users_select: { optional: { ...multiMenu, initial_users: list(string(), 0, 100) } },
  channels_select: { optional: { ...menu, response_url_enabled: boolean, initial_channel: string() } },
  multi_channels_select: { optional: { ...multiMenu, initial_channels: list(string(), 0, 100) } },
  conversations_select: { optional: { ...menu, ...responds, initial_conversation: string() } },
  multi_conversations_select: {
    optional: { ...multiMenu, ...responds, initial_conversations: list(string(), 0, 100) },
  },
  datepicker: { optional: { ...menu, initial_date: string(10, 10) } },
  timepicker: { optional: { ...menu, initial_time: string(5, 5), timezone: string() } },
  datetimepicker: { optional: { ...focusable, confirm, initial_date_time: whole(0, 9_999_999_999) } },
  plain_text_input: {
    optional: {
      ...typedInput,
      initial_value: string(3000),
      multiline: boolean,
      min_length: whole(0, 3000),
      max_length: whole(1, 3000),
    },
  },
  email_text_input: { optional: { ...typedInput, initial_value: string(3000) } },
  url_text_input: { optional: { ...typedInput, initial_value: string(3000) } },
  number_input: {
    required: { is_decimal_allowed: boolean },
    optional: { ...typedInput, initial_value: string(), min_value: string(), max_value: string() },
  },
  rich_text_input: {
    optional: { ...typedInput, initial_value: typed('block', ['rich_text']), min_lines: anything, max_lines: anything },
  },
  file_input: { optional: { ...actionable, filetypes: list(string(), 1, 100), max_files: whole(1, 10) } },
  image: { required: { alt_text: string(2000) }, optional: image, someOf: ['image_url', 'slack_file'] },
  plain_text: { required: { text: string(3000, 1) }, optional: { emoji: boolean } },
  mrkdwn: { required: { text: string(3000, 1) }, optional: { verbatim: boolean } },
  url: { required: { url: string(3000), text: string(3000) }, optional: { icon_url: string(3000) } },
};

const selects = ['static_select', 'external_select', 'users_select', 'channels_select', 'conversations_select'];
const menus = [...selects, ...selects.map((type) => `multi_${type}`)];
const pickers = ['datepicker', 'timepicker', 'datetimepicker'];

/** The elements that each place allows. */
export const ELEMENTS_IN = {
  actions: [
    'button',
    'checkboxes',
    ...pickers,
    ...menus,
    'overflow',
    'radio_buttons',
    'workflow_button',
    'rich_text_input',
  ],
  accessory: [
    'button',
    'checkboxes',
    'datepicker',
    'timepicker',
    'image',
    ...menus,
    'overflow',
    'radio_buttons',
    'workflow_button',
  ],
  input: [
    'checkboxes',
    ...pickers,
    ...menus,
    'email_text_input',
    'file_input',
    'number_input',
    'plain_text_input',
    'radio_buttons',
    'rich_text_input',
    'url_text_input',
  ],
  context: ['image', 'plain_text', 'mrkdwn'],
  contextActions: ['feedback_buttons', 'icon_button'],
} as const;

/** The options with which an app answers a suggestion request. */
export const SUGGESTED_OPTIONS: Rule = object({
  optional: { options: list(option, 0, 100), option_groups: list(optionGroup, 0, 100) },
  someOf: ['options', 'option_groups'],
});
