/**
 * A small example of every block and element that the bot sends or that Slack allows in a message, with markup in its
 * names.
 */

const plain = (text: string) => ({ type: 'plain_text', text });
const mrkdwn = (text: string) => ({ type: 'mrkdwn', text });
const rawText = (text: string) => ({ type: 'raw_text', text });
const rawNumber = (value: number) => ({ type: 'raw_number', value, text: String(value) });
const richText = (...elements: readonly unknown[]) => ({
  type: 'rich_text',
  elements: [{ type: 'rich_text_section', elements }],
});
const option = (value: string) => ({ text: plain(`Option ${value}`), value });
export const HOSTILE = '<img src=x onerror="document.title=1">.png';

const points = (values: readonly number[]) => values.map((value, at) => ({ label: `${at}:00`, value }));
const chart = (type: 'line' | 'bar' | 'area', title: string) => ({
  type: 'data_visualization',
  title,
  chart: {
    type,
    series: [
      { name: 'images', data: points([3, 9, 4]) },
      { name: 'failed', data: points([0, 1, 0]) },
    ],
    axis_config: { categories: ['0:00', '1:00', '2:00'], x_label: 'since the start' },
  },
});

/** By name: the blocks, and selectors with the text that must be visible in them. */
export const GALLERY: Readonly<
  Record<
    string,
    { readonly blocks: readonly unknown[]; readonly seen: readonly (readonly [selector: string, text: string])[] }
  >
> = {
  'section with fields and an accessory': {
    blocks: [
      {
        type: 'section',
        text: mrkdwn('*Bold* _italic_ ~struck~ `code` <https://example.com|a link> <@U0APPROVER> :warning:'),
        fields: [mrkdwn('*Pace*\n60 a minute'), plain('Plain *stars* stay')],
        accessory: { type: 'button', action_id: 'retry', text: plain('Retry these') },
      },
    ],
    seen: [
      ['.section strong', 'Bold'],
      ['.section em', 'italic'],
      ['.section s', 'struck'],
      ['.section code', 'code'],
      ['.section a[href="https://example.com"]', 'a link'],
      ['.section .mention', '@approver'],
      ['.fields', 'Plain *stars* stay'],
      ['.accessory button', 'Retry these'],
    ],
  },
  'header, divider and context': {
    blocks: [
      { type: 'header', text: plain('A heading') },
      { type: 'divider' },
      {
        type: 'context',
        elements: [mrkdwn('small `print`'), { type: 'image', image_url: 'https://x.test/a.png', alt_text: 'a sign' }],
      },
    ],
    seen: [
      ['.block-heading', 'A heading'],
      ['.context code', 'print'],
      ['.context', 'a sign'],
    ],
  },
  'actions with every button, select, menu, box and date': {
    blocks: [
      {
        type: 'actions',
        elements: [
          { type: 'button', action_id: 'go', style: 'primary', text: plain('Go') },
          { type: 'button', action_id: 'stop', style: 'danger', text: plain('Stop') },
          { type: 'button', action_id: 'docs', url: 'https://example.com', text: plain('Docs') },
          {
            type: 'static_select',
            action_id: 'one',
            placeholder: plain('Pick one'),
            options: [option('a'), option('b')],
          },
          { type: 'overflow', action_id: 'more', options: [option('x'), option('y')] },
          { type: 'users_select', action_id: 'who', placeholder: plain('Pick a person') },
          { type: 'channels_select', action_id: 'where', placeholder: plain('Pick a channel') },
          { type: 'datepicker', action_id: 'day', initial_date: '2026-03-02', placeholder: plain('A day') },
          { type: 'timepicker', action_id: 'time', initial_time: '09:30', placeholder: plain('A time') },
          { type: 'radio_buttons', action_id: 'radio', options: [option('r1'), option('r2')] },
          { type: 'checkboxes', action_id: 'boxes', options: [option('c1'), option('c2')] },
        ],
      },
    ],
    seen: [
      ['.button.primary', 'Go'],
      ['.button.danger', 'Stop'],
      ['[data-action="docs"]', 'Docs'],
      ['[role="radiogroup"]', 'Option r1'],
      ['.choices', 'Option c2'],
      ['button[aria-label="More actions"]', '⋯'],
    ],
  },
  'rich text': {
    blocks: [
      {
        type: 'rich_text',
        elements: [
          {
            type: 'rich_text_section',
            elements: [
              { type: 'text', text: 'bold', style: { bold: true } },
              { type: 'user', user_id: 'U0APPROVER' },
              { type: 'channel', channel_id: 'C0RANDOM' },
              { type: 'emoji', name: 'white_check_mark' },
              { type: 'link', url: 'https://example.com', text: 'out' },
              { type: 'link', url: 'javascript:alert(1)', text: 'trap' },
              { type: 'date', timestamp: 1_700_000_000, format: '{date_num}', fallback: 'then' },
              { type: 'broadcast', range: 'here' },
            ],
          },
          {
            type: 'rich_text_list',
            style: 'ordered',
            elements: [
              { type: 'rich_text_section', elements: [{ type: 'text', text: 'first' }] },
              { type: 'rich_text_section', elements: [{ type: 'text', text: 'second' }] },
            ],
          },
          { type: 'rich_text_quote', elements: [{ type: 'text', text: 'quoted' }] },
          { type: 'rich_text_preformatted', elements: [{ type: 'text', text: 'as it is' }] },
        ],
      },
    ],
    seen: [
      ['.rich-text strong', 'bold'],
      ['.rich-text .mention', '@approver'],
      ['.rich-text', '#random'],
      ['.rich-text a', 'out'],
      ['.rich-text', 'trap'],
      ['.rich-text time', '2023-11-1'],
      ['.rich-text ol li', 'second'],
      ['.rich-text blockquote', 'quoted'],
      ['.rich-text pre', 'as it is'],
    ],
  },
  table: {
    blocks: [
      {
        type: 'table',
        column_settings: [{ is_wrapped: true }, { align: 'right' }],
        rows: [
          [rawText('Image'), rawText('Hours')],
          [rawText(HOSTILE), rawNumber(7.5)],
          [richText({ type: 'text', text: 'rich', style: { bold: true } }), rawText('TEXTRACT_ERROR')],
        ],
      },
    ],
    seen: [
      ['.block-table th', 'Image'],
      ['.block-table td', HOSTILE],
      ['.block-table td.right', '7.5'],
      ['.block-table td strong', 'rich'],
    ],
  },
  'data table': {
    blocks: [
      {
        type: 'data_table',
        caption: 'Failures by cause',
        page_size: 2,
        row_header_column_index: 0,
        rows: [
          [rawText('Cause'), rawText('Images')],
          [rawText('timeout'), rawNumber(3)],
          [rawText('parsing'), rawNumber(20)],
          [rawText('textract'), rawNumber(100)],
        ],
      },
    ],
    seen: [
      ['.data-table caption', 'Failures by cause'],
      ['.data-table th[scope="row"]', 'timeout'],
      ['.pages', 'Page 1 of 2'],
    ],
  },
  'plan and task card': {
    blocks: [
      {
        type: 'plan',
        title: 'Checklist c-0001',
        tasks: [
          {
            type: 'task_card',
            task_id: 'a',
            title: 'Backup',
            status: 'complete',
            output: richText({ type: 'text', text: '199 records' }),
          },
          {
            type: 'task_card',
            task_id: 'b',
            title: 'Flush',
            status: 'in_progress',
            details: richText({ type: 'text', text: 'asks a person' }),
          },
          { type: 'task_card', task_id: 'c', title: 'Rescan', status: 'pending' },
          { type: 'task_card', task_id: 'd', title: 'Validate', status: 'error' },
        ],
      },
      { type: 'task_card', task_id: 'alone', title: 'A task alone', status: 'pending' },
    ],
    seen: [
      ['.plan h2', 'Checklist c-0001'],
      ['.plan header', '1 of 4'],
      ['.task-complete .task-output', '199 records'],
      ['.task-in_progress details', 'asks a person'],
      ['.task-pending', 'Rescan'],
      ['.task-error', 'Validate'],
      ['.block-task_card', 'A task alone'],
    ],
  },
  'card and carousel': {
    blocks: [
      {
        type: 'card',
        title: mrkdwn('*Run r-0142*'),
        subtitle: mrkdwn('complete'),
        body: mrkdwn('All is well.'),
        actions: [{ type: 'button', action_id: 'open', text: plain('Open it') }],
      },
      { type: 'carousel', elements: [{ type: 'card', title: mrkdwn('one of some') }] },
    ],
    seen: [
      ['.block-card strong', 'Run r-0142'],
      ['.block-card', 'All is well.'],
      ['.block-card button', 'Open it'],
      ['.carousel .card', 'one of some'],
    ],
  },
  'line and bar charts': {
    blocks: [chart('line', 'Images a minute'), chart('bar', 'By the hour')],
    seen: [
      ['.chart figcaption', 'Images a minute'],
      ['.chart .legend', 'failed'],
      ['.chart svg text', '2:00'],
      ['.chart table td', '9'],
    ],
  },
  'area and pie charts': {
    blocks: [
      chart('area', 'Entries'),
      {
        type: 'data_visualization',
        title: 'Causes',
        chart: {
          type: 'pie',
          segments: [
            { label: 'timeout', value: 1 },
            { label: 'parsing', value: 3 },
          ],
        },
      },
    ],
    seen: [
      ['.chart figcaption', 'Entries'],
      ['.pie .legend', 'parsing 75 %'],
    ],
  },
  'container and markdown': {
    blocks: [
      { type: 'container', title: plain('Folded'), child_blocks: [{ type: 'section', text: mrkdwn('inside') }] },
      { type: 'markdown', text: 'some words' },
    ],
    seen: [
      ['.container summary', 'Folded'],
      ['.container', 'inside'],
      ['.markdown', 'some words'],
    ],
  },
  'a block that the page does not know': {
    blocks: [
      {
        type: 'video',
        alt_text: 'A film',
        title: plain('A film'),
        thumbnail_url: 'https://x.test/t.png',
        video_url: 'https://x.test/v',
      },
    ],
    seen: [['pre.unknown', '"video_url"']],
  },
};
