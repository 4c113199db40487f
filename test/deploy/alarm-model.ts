import { z } from 'zod';
import type { Measurement } from '../../src/pipeline/metrics/put-metrics.ts';
import { evaluate, readTemplate } from './template.ts';

/**
 * The alarms of the template as CloudWatch evaluates them (CloudWatch user guide, "Alarm evaluation" and "Configuring
 * how CloudWatch alarms treat missing data"), once a minute: the newest data points that exist count, and what is
 * missing of them is filled as the alarm says.
 */
export interface AlarmModel {
  /** What the bot sent. */
  take(measurements: readonly Measurement[]): void;
  /**
   * Evaluates every alarm at this time, epoch ms, one after the other in the order of the template. An alarm above
   * others is in ALARM if it was at any moment of that.
   */
  minute(at: number): void;
  state(name: string): 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';
}

const MINUTE_MS = 60_000;
/** CloudWatch looks further back than the evaluation periods; by how much is not documented. */
const FURTHER_BACK = 2;

const alarmSchema = z.object({
  AlarmName: z.string(),
  Namespace: z.literal('RescanBot'),
  MetricName: z.string(),
  Dimensions: z.array(z.object({ Name: z.string(), Value: z.string() })),
  Statistic: z.enum(['Maximum', 'SampleCount']),
  Period: z.number(),
  EvaluationPeriods: z.number(),
  Threshold: z.number(),
  ComparisonOperator: z.enum(['GreaterThanOrEqualToThreshold', 'LessThanThreshold']),
  TreatMissingData: z.enum(['ignore', 'breaching', 'notBreaching']),
});
type Alarm = z.infer<typeof alarmSchema>;

export function createAlarmModel(pipeline: string): AlarmModel {
  const resources = Object.entries(readTemplate().Resources);
  const names = Object.fromEntries(resources.map(([id]) => [id, id]));
  const properties = (of: Record<string, unknown>) => evaluate(of, { ...names, OcrFunction: pipeline }, new Set());
  const alarms = resources.flatMap(([id, { Type, Properties }]) => {
    const parsed = alarmSchema.safeParse(properties(Properties));
    return Type === 'AWS::CloudWatch::Alarm' && parsed.success ? [{ ...parsed.data, AlarmName: id }] : [];
  });
  const composites = resources.flatMap(([id, { Type, Properties }]) =>
    Type === 'AWS::CloudWatch::CompositeAlarm'
      ? [{ id, rule: z.object({ AlarmRule: z.string() }).parse(properties(Properties)).AlarmRule }]
      : [],
  );
  const taken: Measurement[] = [];
  const states = new Map<string, 'OK' | 'ALARM' | 'INSUFFICIENT_DATA'>();
  const state = (name: string) => states.get(name) ?? 'INSUFFICIENT_DATA';

  /** The data points of the alarm's last periods before `at`, newest first; undefined where one is missing. */
  function dataPoints(alarm: Alarm, at: number): (number | undefined)[] {
    const periodMs = alarm.Period * 1_000;
    const end = Math.floor(at / MINUTE_MS) * MINUTE_MS;
    return Array.from({ length: alarm.EvaluationPeriods + FURTHER_BACK }, (_, back) => {
      const until = end - back * periodMs;
      const values = taken
        .filter(({ name, dimensions }) =>
          [name === alarm.MetricName, ...alarm.Dimensions.map(({ Name, Value }) => dimensions[Name] === Value)].every(
            Boolean,
          ),
        )
        .filter((measured) => measured.at >= until - periodMs && measured.at < until)
        .map(({ value }) => value);
      if (values.length === 0) return undefined;
      return alarm.Statistic === 'Maximum' ? Math.max(...values) : values.length;
    });
  }

  function evaluateAlarm(alarm: Alarm, at: number): void {
    const { EvaluationPeriods: needed, ComparisonOperator: operator, TreatMissingData: missing } = alarm;
    const breaches = (value: number) =>
      operator === 'LessThanThreshold' ? value < alarm.Threshold : value >= alarm.Threshold;
    const found = dataPoints(alarm, at)
      .filter((value) => value !== undefined)
      .slice(0, needed)
      .map(breaches);
    if (found.length < needed && missing === 'ignore') return;
    const filled = [...found, ...Array(needed - found.length).fill(missing === 'breaching')];
    states.set(alarm.AlarmName, filled.every(Boolean) ? 'ALARM' : 'OK');
  }

  /** A rule as the template has them: pairs joined by OR. */
  const holds = (rule: string): boolean =>
    rule.split(' OR ').some((pair) => {
      const inPair = [...pair.matchAll(/ALARM\("(\w+)"\)/g)].map(([, name = '']) => name);
      if (inPair.length !== 2) throw new Error(`The model cannot read the rule ${rule}`);
      return inPair.every((name) => state(name) === 'ALARM');
    });

  return {
    take: (measurements) => void taken.push(...measurements),
    minute(at) {
      const rang = new Set<string>();
      for (const alarm of alarms) {
        evaluateAlarm(alarm, at);
        // CloudWatch evaluates each alarm at its own second of the minute, and the ones above at each change.
        for (const { id, rule } of composites) if (holds(rule)) rang.add(id);
      }
      for (const { id } of composites) states.set(id, rang.has(id) ? 'ALARM' : 'OK');
    },
    state,
  };
}
