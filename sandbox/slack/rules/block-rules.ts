import { ELEMENTS, ELEMENTS_IN } from './element-rules.ts';
import {
  anyText,
  anything,
  boolean,
  type Catalogue,
  type Catalogues,
  type Fields,
  list,
  mrkdwn,
  object,
  oneOf,
  plainText,
  type Surface,
  string,
  typed,
  whole,
} from './rule.ts';

/**
 * Blocks (docs.slack.dev, "Blocks"), their fields, limits and surfaces. Data only: a new block is a new entry. A
 * surface that Slack's pages do not confirm is left out, so that valid blocks here are valid in Slack.
 */
interface BlockRule extends Fields {
  readonly surfaces: readonly Surface[];
}

const EVERYWHERE = ['message', 'modal', 'home'] as const;
const MESSAGES = ['message'] as const;
const imageElement = typed('element', ['image']);
const richText = typed('block', ['rich_text']);
const cells = (min: number, rows: number) =>
  list(list(typed('cell', ['rich_text', 'raw_text', 'raw_number']), 1, 20), min, rows);
const CONTAINABLE = [
  'actions',
  'context',
  'divider',
  'file',
  'header',
  'image',
  'input',
  'rich_text',
  'section',
  'table',
  'video',
];

export const BLOCK_RULES: Readonly<Record<string, BlockRule>> = {
  section: {
    surfaces: EVERYWHERE,
    optional: {
      text: anyText(3000),
      fields: list(anyText(2000), 1, 10),
      accessory: typed('element', ELEMENTS_IN.accessory),
      expand: boolean,
    },
    someOf: ['text', 'fields'],
  },
  header: { surfaces: EVERYWHERE, required: { text: plainText(150) } },
  divider: { surfaces: EVERYWHERE },
  context: { surfaces: EVERYWHERE, required: { elements: list(typed('element', ELEMENTS_IN.context), 1, 10) } },
  actions: { surfaces: EVERYWHERE, required: { elements: list(typed('element', ELEMENTS_IN.actions), 1, 25) } },
  image: {
    surfaces: EVERYWHERE,
    required: { alt_text: string(2000) },
    optional: { image_url: string(3000), slack_file: anything, title: plainText(2000) },
    someOf: ['image_url', 'slack_file'],
  },
  input: {
    surfaces: EVERYWHERE,
    required: { label: plainText(2000), element: typed('element', ELEMENTS_IN.input) },
    optional: { hint: plainText(2000), optional: boolean, dispatch_action: boolean },
  },
  rich_text: {
    surfaces: EVERYWHERE,
    required: {
      elements: list(
        typed('rich', ['rich_text_section', 'rich_text_list', 'rich_text_quote', 'rich_text_preformatted']),
        0,
        1000,
      ),
    },
  },
  video: {
    surfaces: EVERYWHERE,
    required: { alt_text: string(2000), title: plainText(200), thumbnail_url: string(3000), video_url: string(3000) },
    optional: {
      author_name: string(50),
      description: plainText(200),
      provider_icon_url: string(3000),
      provider_name: string(),
      title_url: string(3000),
    },
  },
  file: { surfaces: MESSAGES, required: { external_id: string(), source: oneOf('remote') } },
  markdown: { surfaces: MESSAGES, required: { text: string(12_000, 1) } },
  table: {
    surfaces: MESSAGES,
    required: { rows: cells(1, 100) },
    optional: {
      column_settings: list(
        object({ optional: { align: oneOf('left', 'center', 'right'), is_wrapped: boolean } }),
        0,
        20,
      ),
    },
  },
  data_table: {
    surfaces: MESSAGES,
    required: { rows: cells(2, 101), caption: string(undefined, 1) },
    optional: { page_size: whole(1, 100), row_header_column_index: whole(0, 19) },
  },
  data_visualization: {
    surfaces: MESSAGES,
    required: { title: string(50, 1), chart: typed('chart', ['pie', 'bar', 'area', 'line']) },
  },
  plan: {
    surfaces: MESSAGES,
    required: { title: string(undefined, 1) },
    optional: { tasks: list(typed('block', ['task_card']), 0, 50) },
  },
  task_card: {
    surfaces: MESSAGES,
    required: {
      task_id: string(255, 1),
      title: string(undefined, 1),
      status: oneOf('pending', 'in_progress', 'complete', 'error'),
    },
    optional: { details: richText, output: richText, sources: list(typed('element', ['url']), 0, 100) },
  },
  card: {
    surfaces: ['message', 'home'],
    optional: {
      hero_image: imageElement,
      icon: imageElement,
      title: mrkdwn(150),
      subtitle: mrkdwn(150),
      body: mrkdwn(200),
      subtext: mrkdwn(200),
      actions: list(typed('element', ['button']), 1, 3),
    },
    someOf: ['hero_image', 'title', 'actions', 'body'],
  },
  carousel: { surfaces: MESSAGES, required: { elements: list(typed('block', ['card']), 1, 10) } },
  alert: {
    surfaces: ['modal'],
    required: { text: anyText(200) },
    optional: { level: oneOf('default', 'info', 'warning', 'error', 'success') },
  },
  container: {
    surfaces: MESSAGES,
    required: { child_blocks: list(typed('block', CONTAINABLE), 1, 10) },
    optional: {
      title: plainText(150),
      rich_text_title: richText,
      subtitle: anyText(150),
      width: oneOf('narrow', 'standard', 'wide', 'full'),
      icon: imageElement,
      is_collapsible: boolean,
      default_collapsed: boolean,
      has_header_divider: boolean,
    },
    someOf: ['title', 'rich_text_title'],
  },
  context_actions: {
    surfaces: MESSAGES,
    required: { elements: list(typed('element', ELEMENTS_IN.contextActions), 1, 5) },
  },
};

const richChild = typed('rich', [
  'text',
  'link',
  'user',
  'usergroup',
  'channel',
  'team',
  'broadcast',
  'date',
  'emoji',
  'color',
]);
const richChildren = list(richChild, 0, 1000);
const styled = { style: anything };
const bordered = { border: whole(0, 1) };

const RICH: Catalogue = {
  rich_text_section: { required: { elements: richChildren } },
  rich_text_list: {
    required: { elements: list(typed('rich', ['rich_text_section']), 0, 1000), style: oneOf('bullet', 'ordered') },
    optional: { indent: whole(0, 8), offset: whole(0, 100_000), ...bordered },
  },
  rich_text_quote: { required: { elements: richChildren }, optional: bordered },
  rich_text_preformatted: {
    required: { elements: list(typed('rich', ['text', 'link']), 0, 1000) },
    optional: { ...bordered, language: string() },
  },
  text: { required: { text: string(undefined, 1) }, optional: styled },
  link: { required: { url: string(undefined, 1) }, optional: { text: string(), unsafe: boolean, ...styled } },
  user: { required: { user_id: string() }, optional: styled },
  usergroup: { required: { usergroup_id: string() }, optional: styled },
  channel: { required: { channel_id: string() }, optional: styled },
  team: { required: { team_id: string() }, optional: styled },
  broadcast: { required: { range: oneOf('here', 'channel', 'everyone') }, optional: styled },
  date: {
    required: { timestamp: whole(0, 9_999_999_999), format: string() },
    optional: { url: string(), fallback: string(), ...styled },
  },
  emoji: { required: { name: string() }, optional: { unicode: string(), url: string(), ...styled } },
  color: { required: { value: string() }, optional: styled },
};

const label = string(20, 1);
const value: Fields['required'] = { label, value: { kind: 'number' } };
const axes: Fields = {
  required: {
    series: list(object({ required: { name: string(20, 1), data: list(object({ required: value }), 1, 20) } }), 1, 12),
    axis_config: object({
      required: { categories: list(label, 1, 20) },
      optional: { x_label: string(50), y_label: string(50) },
    }),
  },
};

export const CATALOGUES: Catalogues = {
  block: Object.fromEntries(
    Object.entries(BLOCK_RULES).map(([type, { surfaces: _, ...fields }]) => [
      type,
      { ...fields, optional: { ...fields.optional, block_id: string(255, 1) } },
    ]),
  ),
  element: ELEMENTS,
  rich: RICH,
  cell: {
    rich_text: { required: { elements: anything }, optional: { block_id: string(255) } },
    raw_text: { required: { text: string(undefined, 1) } },
    raw_number: { required: { value: { kind: 'number' }, text: string(undefined, 1) } },
  },
  chart: {
    pie: { required: { segments: list(object({ required: value }), 1, 12) } },
    bar: axes,
    area: axes,
    line: axes,
  },
};
