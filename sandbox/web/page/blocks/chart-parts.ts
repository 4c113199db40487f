import { type ComponentChildren, h } from 'preact';

/** Number of series colours in the style sheet. Further series start again with the first one. */
export const COLOURS = 6;

/** The names of the series, each beside its colour. */
export const legend = (names: readonly string[]): ComponentChildren =>
  h(
    'div',
    { class: 'legend', 'aria-hidden': 'true' },
    names.map((name, index) => h('span', { key: name }, [h('i', { class: `key series-${index % COLOURS}` }), name])),
  );

/** The numbers of a chart as a table. */
export const numbers = (
  heading: string,
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): ComponentChildren =>
  h('details', {}, [
    h('summary', {}, 'The numbers'),
    h(
      'div',
      { class: 'table-frame', tabIndex: 0, role: 'group', 'aria-label': 'The numbers' },
      h('table', {}, [
        h(
          'thead',
          {},
          h('tr', {}, [
            h('th', { scope: 'col' }, heading || 'Category'),
            ...columns.map((name) => h('th', { scope: 'col', class: 'right' }, name)),
          ]),
        ),
        h(
          'tbody',
          {},
          rows.map(([label = '', ...values]) =>
            h('tr', { key: label }, [
              h('th', { scope: 'row' }, label),
              ...values.map((value) => h('td', { class: 'right' }, value)),
            ]),
          ),
        ),
      ]),
    ),
  ]);
