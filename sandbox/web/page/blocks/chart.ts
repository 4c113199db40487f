import { type ComponentChildren, h } from 'preact';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../../slack/rules/json.ts';
import { COLOURS, legend, numbers } from './chart-parts.ts';
import { pie } from './pie.ts';

const [WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, TOP] = [560, 210, 46, 14, 40, 12];
const MOST_LABELS = 8;

export interface Series {
  readonly name: string;
  readonly values: readonly number[];
}

const numberOf = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);

/** A data_visualization block as a chart, with the same numbers as a table for screen readers. */
export function chart(block: JsonRecord): ComponentChildren {
  const spec = recordOf(block.chart);
  const title = textOf(block.title) ?? 'Chart';
  if (spec.type === 'pie')
    return pie(
      title,
      recordsOf(spec.segments).map(({ label, value }) => ({ label: textOf(label) ?? '', value: numberOf(value) })),
    );
  const series = recordsOf(spec.series).map((line) => ({
    name: textOf(line.name) ?? '',
    values: recordsOf(line.data).map(({ value }) => numberOf(value)),
  }));
  const axis = recordOf(spec.axis_config);
  const labels = Array.isArray(axis.categories) ? axis.categories.map(String) : [];
  const xLabel = textOf(axis.x_label) ?? '';
  return h('figure', { class: 'chart' }, [
    h('figcaption', {}, title),
    h(
      'svg',
      {
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        role: 'img',
        'aria-label': `${title}: ${series.map(({ name }) => name).join(', ')}`,
      },
      drawing(String(spec.type), series, labels, xLabel),
    ),
    legend(series.map(({ name }) => name)),
    numbers(
      xLabel,
      series.map(({ name }) => name),
      labels.map((label, at) => [label, ...series.map(({ values }) => String(values[at] ?? ''))]),
    ),
  ]);
}

/** Tick values of an axis up to at least `most`: three to six round numbers. */
export function axisMarks(most: number): readonly number[] {
  const rough = Math.max(most, 1) / 4;
  const ten = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((by) => by * ten).find((by) => by >= rough) ?? rough;
  return Array.from({ length: Math.ceil(Math.max(most, 1) / step) + 1 }, (_, at) => at * step);
}

function drawing(
  type: string,
  series: readonly Series[],
  labels: readonly string[],
  xLabel: string,
): readonly ComponentChildren[] {
  const marks = axisMarks(Math.max(0, ...series.flatMap(({ values }) => values)));
  const top = marks.at(-1) ?? 1;
  const inner = WIDTH - LEFT - RIGHT;
  const isBar = type === 'bar';
  const x = (at: number) =>
    isBar
      ? LEFT + ((at + 0.5) / Math.max(1, labels.length)) * inner
      : LEFT + (labels.length <= 1 ? 0.5 : at / (labels.length - 1)) * inner;
  const y = (value: number) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const every = Math.ceil(labels.length / MOST_LABELS);
  return [
    ...marks.flatMap((mark) => [
      h('line', { x1: LEFT, x2: WIDTH - RIGHT, y1: y(mark), y2: y(mark), class: mark === 0 ? 'axis' : 'grid' }),
      h('text', { x: LEFT - 8, y: y(mark) + 4, 'text-anchor': 'end' }, shortNumber(mark)),
    ]),
    ...series.map(({ values }, index) =>
      isBar
        ? bars(values, index, series.length, x, y, inner / Math.max(1, labels.length))
        : points(type, values, index, x, y),
    ),
    ...labels.map((label, at) =>
      at % every === 0 ? h('text', { x: x(at), y: HEIGHT - BOTTOM + 17, 'text-anchor': 'middle' }, label) : null,
    ),
    h('text', { x: LEFT + inner / 2, y: HEIGHT - 5, 'text-anchor': 'middle', class: 'axis-label' }, xLabel),
  ];
}

function bars(
  values: readonly number[],
  index: number,
  count: number,
  x: (at: number) => number,
  y: (value: number) => number,
  room: number,
): ComponentChildren {
  const width = Math.min(28, (room * 0.7) / count);
  return values.map((value, at) =>
    h('rect', {
      x: x(at) - (count * width) / 2 + index * width,
      y: y(value),
      width: Math.max(1, width - 1),
      height: Math.max(0, y(0) - y(value)),
      rx: 2,
      class: `series-${index % COLOURS}`,
    }),
  );
}

function points(
  type: string,
  values: readonly number[],
  index: number,
  x: (at: number) => number,
  y: (value: number) => number,
): ComponentChildren {
  const name = `series-${index % COLOURS}`;
  const line = values.map((value, at) => `${x(at)},${y(value)}`).join(' ');
  return [
    type === 'area'
      ? h('polygon', { points: `${x(0)},${y(0)} ${line} ${x(values.length - 1)},${y(0)}`, class: `${name} area` })
      : null,
    h('polyline', { points: line, class: `${name} stroke` }),
    ...values.map((value, at) => h('circle', { cx: x(at), cy: y(value), r: 2.6, class: name })),
  ];
}

const shortNumber = (value: number): string =>
  value >= 10_000 ? `${Math.round(value / 100) / 10}k` : String(Math.round(value * 100) / 100);
