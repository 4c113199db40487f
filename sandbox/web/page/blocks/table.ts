import { type ComponentChildren, h } from 'preact';
import { useState } from 'preact/hooks';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../../slack/rules/json.ts';
import type { Names } from './mrkdwn.ts';
import { richText } from './rich-text.ts';

type Row = readonly unknown[];
const rowsOf = (block: JsonRecord): readonly Row[] =>
  (Array.isArray(block.rows) ? block.rows : []).map((row: unknown) => (Array.isArray(row) ? row : []));

function cellNode(value: unknown, names: Names): ComponentChildren {
  const cell = recordOf(value);
  if (cell.type === 'rich_text') return richText(cell, names);
  return textOf(cell.text) ?? (cell.value === undefined ? '' : String(cell.value));
}

/** The sort key of a cell: its number if it has one, otherwise its text. */
const sortKey = (value: unknown): string | number => {
  const cell = recordOf(value);
  return typeof cell.value === 'number' ? cell.value : (textOf(cell.text) ?? JSON.stringify(cell.elements ?? ''));
};

const frame = (label: string, children: ComponentChildren): ComponentChildren =>
  h('div', { class: 'table-frame', tabIndex: 0, role: 'group', 'aria-label': label }, children);

/** A `table` block: the first row is its header; the settings give the alignment and the wrapping of each column. */
export function tableNode(block: JsonRecord, names: Names): ComponentChildren {
  const settings = recordsOf(block.column_settings);
  const looks = (at: number) => {
    const { align, is_wrapped } = settings[at] ?? {};
    return { class: `${textOf(align) ?? 'left'}${is_wrapped === true ? ' wrapped' : ''}` };
  };
  const [head = [], ...others] = rowsOf(block);
  return frame(
    'Table',
    h('table', {}, [
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          head.map((value, at) => h('th', { scope: 'col', ...looks(at) }, cellNode(value, names))),
        ),
      ),
      h(
        'tbody',
        {},
        others.map((row, key) =>
          h(
            'tr',
            { key },
            row.map((value, at) => h('td', looks(at), cellNode(value, names))),
          ),
        ),
      ),
    ]),
  );
}

const USUAL_PAGE = 10;

/** A `data_table` block with a caption and pages. A click on a column header sorts it. */
export function DataTable({ block, names }: { block: JsonRecord; names: Names }): ComponentChildren {
  const [sort, setSort] = useState<{ at: number; down: boolean } | undefined>();
  const [page, setPage] = useState(0);
  const [head = [], ...rows] = rowsOf(block);
  const size = typeof block.page_size === 'number' ? block.page_size : USUAL_PAGE;
  const rowHeader = typeof block.row_header_column_index === 'number' ? block.row_header_column_index : -1;
  const caption = textOf(block.caption) ?? 'Table';
  const sorted = sort === undefined ? rows : [...rows].sort((a, b) => compared(a[sort.at], b[sort.at], sort.down));
  const pages = Math.max(1, Math.ceil(rows.length / size));
  const shown = sorted.slice(page * size, (page + 1) * size);
  const isNumber = (at: number) => rows.every((row) => recordOf(row[at]).type === 'raw_number');
  return h('div', { class: 'data-table' }, [
    frame(
      caption,
      h('table', {}, [
        h('caption', {}, caption),
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            head.map((value, at) =>
              h(
                'th',
                {
                  scope: 'col',
                  class: isNumber(at) ? 'right' : 'left',
                  'aria-sort': sort?.at === at ? (sort.down ? 'descending' : 'ascending') : undefined,
                },
                h(
                  'button',
                  {
                    type: 'button',
                    class: 'sort',
                    onClick: () => setSort({ at, down: sort?.at === at && !sort.down }),
                  },
                  [cellNode(value, names), sort?.at === at ? (sort.down ? ' ↓' : ' ↑') : ''],
                ),
              ),
            ),
          ),
        ),
        h(
          'tbody',
          {},
          shown.map((row, key) =>
            h(
              'tr',
              { key },
              row.map((value, at) =>
                at === rowHeader
                  ? h('th', { scope: 'row' }, cellNode(value, names))
                  : h('td', { class: isNumber(at) ? 'right' : 'left' }, cellNode(value, names)),
              ),
            ),
          ),
        ),
      ]),
    ),
    pages === 1
      ? null
      : h('div', { class: 'pages' }, [
          h(
            'button',
            { type: 'button', class: 'button small', disabled: page === 0, onClick: () => setPage(page - 1) },
            'Previous',
          ),
          h('span', { class: 'quiet' }, `Page ${page + 1} of ${pages}`),
          h(
            'button',
            { type: 'button', class: 'button small', disabled: page === pages - 1, onClick: () => setPage(page + 1) },
            'Next',
          ),
        ]),
  ]);
}

function compared(a: unknown, b: unknown, down: boolean): number {
  const [first, second] = [sortKey(a), sortKey(b)];
  const order =
    typeof first === 'number' && typeof second === 'number'
      ? first - second
      : String(first).localeCompare(String(second));
  return down ? -order : order;
}
