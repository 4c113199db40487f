import { type ComponentChildren, h } from 'preact';
import { useState } from 'preact/hooks';
import { type JsonRecord, textOf } from '../../slack/json.ts';
import type { Workspace } from './workspace.ts';

const MOST_ROWS = 200;

/** Rows of a CSV text (RFC 4180), the first so many. */
export function csvRows(text: string, most: number): readonly (readonly string[])[] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  for (let at = 0; at < text.length && rows.length < most; at++) {
    const letter = text[at] ?? '';
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[at + 1] === '"') {
        cell += '"';
        at++;
      } else quoted = false;
    } else if (letter === '"') quoted = true;
    else if (letter === ',') {
      row.push(cell);
      cell = '';
    } else if (letter === '\n') {
      row.push(cell.replace(/\r$/, ''));
      rows.push(row);
      row = [];
      cell = '';
    } else cell += letter;
  }
  if (cell !== '' || row.length > 0) rows.push([...row, cell]);
  return rows;
}

/** A file of a message: pictures at once, a CSV as a table when it is opened. */
export function FileView({ file, workspace }: { file: JsonRecord; workspace: Workspace }): ComponentChildren {
  const [text, setText] = useState<string | undefined>();
  const id = textOf(file.id) ?? '';
  const name = textOf(file.name) ?? textOf(workspace.files.find((one) => one.id === id)?.name) ?? 'file';
  const path = `/sandbox/files/${encodeURIComponent(id)}`;
  if (/\.(png|jpe?g|gif|svg)$/i.test(name)) return h('img', { class: 'picture', src: path, alt: name });
  const open = async () => setText(text === undefined ? await (await fetch(path)).text() : undefined);
  const isTable = /\.csv$/i.test(name);
  return h('div', { class: 'file' }, [
    h(
      'button',
      { type: 'button', class: 'button', 'aria-expanded': text !== undefined, onClick: () => void open() },
      `▤ ${name}`,
    ),
    h('a', { href: path, download: name }, 'Download'),
    text === undefined
      ? null
      : isTable
        ? csvTable(text, name)
        : h('pre', { class: 'file-text', tabIndex: 0 }, text.slice(0, 20_000)),
  ]);
}

function csvTable(text: string, name: string): ComponentChildren {
  const [head = [], ...rows] = csvRows(text, MOST_ROWS + 1);
  return h('div', { class: 'table-frame csv', tabIndex: 0, role: 'region', 'aria-label': name }, [
    h('table', {}, [
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          head.map((cell) => h('th', { scope: 'col' }, cell)),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map((row, at) =>
          h(
            'tr',
            { key: at },
            row.map((cell) => h('td', {}, cell)),
          ),
        ),
      ),
    ]),
    rows.length >= MOST_ROWS ? h('p', { class: 'quiet' }, `The first ${MOST_ROWS} rows.`) : null,
  ]);
}
