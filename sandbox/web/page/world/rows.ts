import { type ComponentChildren, h } from 'preact';
import { plainTable } from '../plain-table.ts';

/** A small table with a header row. */
export const rows = (
  label: string,
  headings: readonly string[],
  cells: readonly (readonly ComponentChildren[])[],
): ComponentChildren =>
  h('div', { class: 'table-frame small-table', tabIndex: 0, role: 'group', 'aria-label': label }, [
    plainTable(headings, cells),
    cells.length === 0 ? h('p', { class: 'quiet nothing' }, 'Empty.') : null,
  ]);

export const moreButton = (onClick: () => void): ComponentChildren =>
  h('button', { type: 'button', class: 'button small', onClick }, 'Show more');
