import { type ComponentChildren, h } from 'preact';
import { useState } from 'preact/hooks';
import { type JsonRecord, textOf } from '../../../slack/rules/json.ts';
import { plainTable } from '../plain-table.ts';
import type { Workspace } from '../workspace.ts';
import { csvRows } from './csv.ts';

const MOST_ROWS = 200;
const MOST_TEXT = 20_000;

/**
 * A file of a message: a picture is shown, a CSV opens as a table and a text as text, all other files can be
 * downloaded.
 */
export function FileView({ file, workspace }: { file: JsonRecord; workspace: Workspace }): ComponentChildren {
  const [text, setText] = useState<string | undefined>();
  const id = textOf(file.id) ?? '';
  const known = workspace.files.find((one) => one.id === id) ?? file;
  const name = textOf(known.name) ?? 'file';
  const path = `/sandbox/files/${encodeURIComponent(id)}`;
  if (/\.(png|jpe?g|gif|svg)$/i.test(name))
    return h('figure', { class: 'image' }, [
      h('figcaption', { class: 'quiet' }, [name, ' ', h('a', { href: path, download: name }, 'Download')]),
      h('img', { class: 'picture', src: path, alt: name }),
    ]);
  const isTable = /\.csv$/i.test(name);
  const canOpen = isTable || /\.(txt|log|json|md|html|ya?ml)$/i.test(name);
  const open = async () => {
    if (text !== undefined) return setText(undefined);
    const reply = await fetch(path);
    setText(reply.ok ? await reply.text() : 'The file cannot be read.');
  };
  const facts = `${textOf(known.pretty_type) ?? 'File'} · ${formatBytes(known.size)}`;
  const label = [
    h('span', { class: `file-icon ${isTable ? 'sheet' : ''}`, 'aria-hidden': 'true' }, isTable ? '▦' : '≡'),
    h('span', { class: 'file-words' }, [h('strong', {}, name), h('span', { class: 'quiet' }, facts)]),
  ];
  return h('div', { class: 'file' }, [
    h('div', { class: 'file-card' }, [
      canOpen
        ? h(
            'button',
            { type: 'button', class: 'file-open', 'aria-expanded': text !== undefined, onClick: () => void open() },
            label,
          )
        : h('div', { class: 'file-open' }, label),
      h('a', { class: 'button small', href: path, download: name, 'aria-label': `Download ${name}` }, 'Download'),
    ]),
    text === undefined
      ? null
      : isTable
        ? csvTable(text, name)
        : h('pre', { class: 'file-text', tabIndex: 0 }, text.slice(0, MOST_TEXT)),
  ]);
}

function formatBytes(size: unknown): string {
  if (typeof size !== 'number') return '';
  if (size < 1_000) return `${size} bytes`;
  return size < 1_000_000 ? `${Math.round(size / 100) / 10} KB` : `${Math.round(size / 100_000) / 10} MB`;
}

function csvTable(text: string, name: string): ComponentChildren {
  const [head = [], ...rows] = csvRows(text, MOST_ROWS + 1);
  return [
    h('div', { class: 'table-frame csv', tabIndex: 0, role: 'group', 'aria-label': name }, [plainTable(head, rows)]),
    h(
      'p',
      { class: 'quiet' },
      rows.length >= MOST_ROWS
        ? `First ${MOST_ROWS} rows. The download contains all rows.`
        : `${rows.length} ${rows.length === 1 ? 'row' : 'rows'}`,
    ),
  ];
}
