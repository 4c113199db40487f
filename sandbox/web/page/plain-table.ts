import { type ComponentChildren, h } from 'preact';

/** A table with a header row, for contents that are not blocks of an app. */
export const plainTable = (
  headings: readonly string[],
  cells: readonly (readonly ComponentChildren[])[],
): ComponentChildren =>
  h('table', {}, [
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        headings.map((heading) => h('th', { scope: 'col' }, heading)),
      ),
    ),
    h(
      'tbody',
      {},
      cells.map((row, key) =>
        h(
          'tr',
          { key },
          row.map((cell) => h('td', {}, cell)),
        ),
      ),
    ),
  ]);
