import type { Interval } from '../../../results/report/timeline.ts';
import { count, rate } from '../kit/format.ts';
import type { ChartBlock, Figure } from '../kit/message.ts';

const BARS = '▁▂▃▄▅▆▇█';

/** A row of bars, one for each value, for clients that do not accept a chart. */
export function sparkline(values: readonly number[]): string {
  const most = Math.max(...values, 0);
  return values.map((value) => (most <= 0 ? BARS[0] : BARS[Math.round((value / most) * (BARS.length - 1))])).join('');
}

/** The time since the start, one label for each interval, all different: `12:30` in a run of less than an hour, else `3h05`. */
function labelsOf(intervals: readonly Interval[]): readonly string[] {
  const begun = intervals[0]?.from ?? 0;
  const isShort = (intervals.at(-1)?.to ?? begun) - begun < 3_600_000;
  const two = (n: number) => String(n).padStart(2, '0');
  return intervals.map(({ from }) => {
    const seconds = Math.round((from - begun) / 1000);
    return isShort
      ? `${Math.floor(seconds / 60)}:${two(seconds % 60)}`
      : `${Math.floor(seconds / 3600)}h${two(Math.floor((seconds % 3600) / 60))}`;
  });
}

/** Charts over the time of a run: images and failures a minute, and reported entries. None where there is no outcome yet. */
export function runCharts(intervals: readonly Interval[]): readonly Figure[] {
  if (intervals.every(({ images }) => images === 0)) return [];
  const labels = labelsOf(intervals);
  const line = (name: string, values: readonly number[]) => ({
    name,
    data: values.map((value, at) => ({ label: labels[at] ?? '', value })),
  });
  const chart = (title: string, yLabel: string, series: ChartBlock['chart']['series']): ChartBlock => ({
    type: 'data_visualization',
    title,
    chart: { type: 'line', series, axis_config: { categories: labels, x_label: 'since the start', y_label: yLabel } },
  });
  const perMinute = (value: number, { from, to }: Interval) =>
    Math.round((value * 600_000) / Math.max(1, to - from)) / 10;
  const images = intervals.map((interval) => perMinute(interval.images, interval));
  const failed = intervals.map((interval) => perMinute(interval.failed, interval));
  let sum = 0;
  const entries = intervals.map((interval) => {
    sum += interval.entries;
    return sum;
  });
  return [
    {
      block: chart('Images a minute', 'images a minute', [line('images', images), line('failed or no rows', failed)]),
      plain: [
        `Images a minute: \`${sparkline(images)}\` (at most ${rate(Math.max(...images))})`,
        `Failed or without rows a minute: \`${sparkline(failed)}\` (at most ${rate(Math.max(...failed))})`,
      ],
    },
    {
      block: chart('Entries reported in total', 'entries', [line('entries', entries)]),
      plain: [`Entries reported: \`${sparkline(entries)}\` (${count(sum)} at the end)`],
    },
  ];
}
