import { type ComponentChildren, h } from 'preact';
import { useState } from 'preact/hooks';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../../slack/rules/json.ts';
import { moreButton, rows } from './rows.ts';

/** The kinds of record of the local AWS, with their labels. */
export const KINDS: readonly (readonly [kind: string, name: string])[] = [
  ['entry', 'Entries'],
  ['zero-hour', 'Zero-hour'],
  ['rejected', 'Rejected'],
  ['coverage', 'Coverage'],
  ['failed', 'Failed'],
];

/** A DynamoDB value as text. */
export function wireText(value: unknown): string {
  const record = recordOf(value);
  return (
    textOf(record.S) ??
    textOf(record.N) ??
    (record.BOOL === undefined ? JSON.stringify(value ?? '') : String(record.BOOL))
  );
}

const orNothing = (value: unknown) => (value === undefined ? '' : wireText(value));

/** The records of the table, optionally of one kind. A record opens with all its attributes. */
export function TableTab({
  table,
  kind,
  setKind,
  more,
}: {
  table: JsonRecord;
  kind: string;
  setKind: (kind: string) => void;
  more: () => void;
}): ComponentChildren {
  const [opened, setOpened] = useState('');
  const counts = recordOf(table.counts);
  const records = recordsOf(table.rows);
  const total = kind === '' ? Number(table.total ?? 0) : Number(counts[kind] ?? 0);
  const open = records.find((record) => keyOf(record) === opened);
  return h('div', { class: 'tab-body' }, [
    h('label', { class: 'word-dial' }, [
      h('span', {}, 'Records'),
      h(
        'select',
        {
          value: kind,
          'data-kind': 'yes',
          onChange: (event: Event) => event.target instanceof HTMLSelectElement && setKind(event.target.value),
        },
        [
          h('option', { value: '' }, `All (${Number(table.total ?? 0)})`),
          ...KINDS.map(([id, name]) => h('option', { value: id, key: id }, `${name} (${Number(counts[id] ?? 0)})`)),
        ],
      ),
    ]),
    open
      ? h('div', { class: 'record' }, [
          h('button', { type: 'button', class: 'link', onClick: () => setOpened('') }, '← All records'),
          h(
            'dl',
            {},
            Object.entries(open).flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, wireText(value))]),
          ),
        ])
      : rows(
          'Records of the table',
          ['Key', 'Hours', 'Image'],
          records.map((record) => [
            h(
              'button',
              { type: 'button', class: 'link', onClick: () => setOpened(keyOf(record)) },
              `${orNothing(record.ResourceName)} ${orNothing(record.DateProjectCode)}`,
            ),
            orNothing(record.Hours),
            orNothing(record.SourceImage ?? record.ImageKey),
          ]),
        ),
    open ? null : h('p', { class: 'quiet' }, `${records.length} of ${total}`),
    !open && records.length < total ? moreButton(more) : null,
  ]);
}

const keyOf = (record: JsonRecord): string => `${orNothing(record.ResourceName)}|${orNothing(record.DateProjectCode)}`;
