/** The measurements of one second, for one metric with its dimensions. */
interface Second {
  count: number;
  sum: number;
  least: number;
  most: number;
  /** Every value, for metrics with percentiles. */
  readonly values: number[];
}

export type Dimensions = Readonly<Record<string, string>>;

/** One data point of a statistic. */
export interface Datapoint {
  /** Start of its period, epoch seconds. */
  readonly at: number;
  readonly value: number;
}

/** Metrics as CloudWatch keeps them: sums per second, for the last three hours. */
export interface MetricStore {
  /** `at`: epoch ms. */
  record(namespace: string, name: string, dimensions: Dimensions, value: number, at?: number): void;
  /**
   * The data points, oldest first. Periods without measurements are left out. `from` and `to` are epoch seconds; `to`
   * is exclusive.
   */
  read(asked: {
    readonly namespace: string;
    readonly name: string;
    readonly dimensions: Dimensions;
    readonly stat: string;
    readonly periodSeconds: number;
    readonly from: number;
    readonly to: number;
  }): Datapoint[];
  /** Every recorded metric, as the World pane shows it. */
  totals(): { namespace: string; name: string; dimensions: Dimensions; count: number; sum: number }[];
  clear(): void;
}

const KEPT_SECONDS = 3 * 3_600;
const keyOf = (namespace: string, name: string, dimensions: Dimensions): string =>
  JSON.stringify([namespace, name, Object.entries(dimensions).sort()]);

interface Metric {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Dimensions;
  readonly seconds: Map<number, Second>;
}

export function createMetricStore(): MetricStore {
  const metrics = new Map<string, Metric>();
  return {
    record(namespace, name, dimensions, value, at = Date.now()) {
      const key = keyOf(namespace, name, dimensions);
      const { seconds } = metrics.get(key) ?? { seconds: new Map<number, Second>() };
      if (!metrics.has(key)) metrics.set(key, { namespace, name, dimensions, seconds });
      const second = Math.floor(at / 1_000);
      const found = seconds.get(second) ?? { count: 0, sum: 0, least: value, most: value, values: [] };
      found.count++;
      found.sum += value;
      found.least = Math.min(found.least, value);
      found.most = Math.max(found.most, value);
      if (name === 'Duration') found.values.push(value);
      seconds.set(second, found);
      for (const old of seconds.keys()) {
        if (old > second - KEPT_SECONDS) break;
        seconds.delete(old);
      }
    },
    read({ namespace, name, dimensions, stat, periodSeconds, from, to }) {
      const periods = new Map<number, Second[]>();
      for (const [second, measured] of metrics.get(keyOf(namespace, name, dimensions))?.seconds ?? []) {
        const at = Math.floor(second / periodSeconds) * periodSeconds;
        if (at < Math.floor(from / periodSeconds) * periodSeconds || at >= to) continue;
        const period = periods.get(at) ?? [];
        period.push(measured);
        periods.set(at, period);
      }
      return [...periods]
        .map(([at, measured]) => ({ at, value: statisticOf(stat, measured) }))
        .sort((one, other) => one.at - other.at);
    },
    totals: () =>
      [...metrics.values()].map(({ seconds, ...metric }) => {
        const all = [...seconds.values()];
        return { ...metric, count: statisticOf('SampleCount', all), sum: statisticOf('Sum', all) };
      }),
    clear: () => metrics.clear(),
  };
}

/** Whether CloudWatch has this statistic and this store can answer it. */
export const isStatistic = (stat: string): boolean =>
  ['Sum', 'Average', 'Minimum', 'Maximum', 'SampleCount'].includes(stat) || /^p(\d{1,2}(\.\d+)?|100)$/.test(stat);

function statisticOf(stat: string, measured: readonly Second[]): number {
  const sum = measured.reduce((total, second) => total + second.sum, 0);
  const count = measured.reduce((total, second) => total + second.count, 0);
  switch (stat) {
    case 'Sum':
      return sum;
    case 'SampleCount':
      return count;
    case 'Average':
      return sum / count;
    case 'Minimum':
      return Math.min(...measured.map((second) => second.least));
    case 'Maximum':
      return Math.max(...measured.map((second) => second.most));
    default: {
      const values = measured.flatMap((second) => second.values).sort((one, other) => one - other);
      const rank = Math.ceil((Number(stat.slice(1)) / 100) * values.length);
      return values[Math.max(0, rank - 1)] ?? 0;
    }
  }
}
