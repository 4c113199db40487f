import { type ComponentChildren, h } from 'preact';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../slack/json.ts';

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [520, 200, 48, 28, 10];

const numberOf = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);

/** A data_visualization block as a drawing, with the same numbers as a table for who cannot see it. */
export function chart(block: JsonRecord): ComponentChildren {
  const spec = recordOf(block.chart);
  const series = recordsOf(spec.series).map((line) => ({
    name: textOf(line.name) ?? '',
    values: recordsOf(line.data).map(({ value }) => numberOf(value)),
  }));
  const axis = recordOf(spec.axis_config);
  const labels = Array.isArray(axis.categories) ? axis.categories.map(String) : [];
  const most = Math.max(1, ...series.flatMap(({ values }) => values));
  const x = (at: number) => LEFT + (labels.length <= 1 ? 0.5 : at / (labels.length - 1)) * (WIDTH - LEFT - 10);
  const y = (value: number) => TOP + (1 - value / most) * (HEIGHT - TOP - BOTTOM);
  const marks = [0, most / 2, most];
  const title = textOf(block.title) ?? 'Chart';
  return h('figure', { class: 'chart' }, [
    h('figcaption', {}, title),
    h(
      'svg',
      {
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        role: 'img',
        'aria-label': `${title}: ${series.map(({ name }) => name).join(', ')}`,
      },
      [
        ...marks.flatMap((mark) => [
          h('line', { x1: LEFT, x2: WIDTH - 10, y1: y(mark), y2: y(mark), class: 'grid' }),
          h('text', { x: LEFT - 6, y: y(mark) + 4, 'text-anchor': 'end' }, shortNumber(mark)),
        ]),
        ...series.map(({ values }, index) => drawn(String(spec.type), values, index, x, y)),
        ...labels.map((label, at) =>
          at % Math.ceil(labels.length / 8) === 0
            ? h('text', { x: x(at), y: HEIGHT - 8, 'text-anchor': 'middle' }, label)
            : null,
        ),
      ],
    ),
    h(
      'div',
      { class: 'legend' },
      series.map(({ name }, index) => h('span', { class: `series-${index % 6}` }, ['■ ', h('span', {}, name)])),
    ),
    h('details', {}, [
      h('summary', {}, 'The numbers'),
      h('table', {}, [
        h(
          'thead',
          {},
          h('tr', {}, [
            h('th', { scope: 'col' }, textOf(axis.x_label) ?? ''),
            ...series.map(({ name }) => h('th', { scope: 'col' }, name)),
          ]),
        ),
        h(
          'tbody',
          {},
          labels.map((label, at) =>
            h('tr', {}, [
              h('th', { scope: 'row' }, label),
              ...series.map(({ values }) => h('td', {}, String(values[at] ?? ''))),
            ]),
          ),
        ),
      ]),
    ]),
  ]);
}

function drawn(
  type: string,
  values: readonly number[],
  index: number,
  x: (at: number) => number,
  y: (value: number) => number,
): ComponentChildren {
  const name = `series-${index % 6}`;
  if (type === 'bar')
    return values.map((value, at) =>
      h('rect', { x: x(at) - 6 + index * 4, y: y(value), width: 8, height: Math.max(0, y(0) - y(value)), class: name }),
    );
  const points = values.map((value, at) => `${x(at)},${y(value)}`);
  return [
    h('polyline', { points: points.join(' '), class: `${name} stroke`, fill: 'none' }),
    ...values.map((value, at) => h('circle', { cx: x(at), cy: y(value), r: 2.5, class: name })),
  ];
}

const shortNumber = (value: number): string =>
  value >= 10_000 ? `${Math.round(value / 1000)}k` : String(Math.round(value * 10) / 10);
