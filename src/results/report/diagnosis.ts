import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { MetricReading, Throttling } from '../../pipeline/limits/metrics.ts';
import type { InvocationReport } from '../../pipeline/logs/log-line.ts';
import type { RunSnapshot } from '../../run/model/types.ts';
import type { Cluster } from '../failures/failure-groups.ts';
import type { CauseTotals, FailureTotals } from '../failures/failure-totals.ts';

/** What a person can do about a finding. Slack shows it as a button or a link. */
export type Remedy =
  | { readonly kind: 'slower' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'retry-cause'; readonly causeId: string; readonly images: number }
  | {
      readonly kind: 'raise-quota';
      readonly service: 'bedrock' | 'lambda' | 'textract' | 'dynamodb';
      readonly quota: string;
    }
  | { readonly kind: 'raise-timeout' | 'raise-memory' }
  | { readonly kind: 'read-log'; readonly errorsOnly: true };

/** A finding of the diagnosis. `weight` (0 to 1) says how much it explains. */
export type Finding = { readonly weight: number; readonly remedies: readonly Remedy[] } & (
  | { readonly kind: 'main-cause'; readonly cause: CauseTotals; readonly share: number }
  | { readonly kind: 'many-causes'; readonly causes: number; readonly images: number }
  | { readonly kind: 'cluster'; readonly cluster: Cluster }
  | { readonly kind: 'throttling'; readonly throttling: Throttling }
  /** This many calls of the bot were throttled. */
  | { readonly kind: 'throttled'; readonly times: number; readonly calls: number }
  | { readonly kind: 'near-timeout'; readonly mostMs: number; readonly timeoutMs: number; readonly timedOut: number }
  | { readonly kind: 'near-memory'; readonly mostMb: number; readonly memoryMb: number }
  | { readonly kind: 'quota-use'; readonly name: string; readonly perMinute: number; readonly limit: number }
  /** Images were processed, and the table did not grow. */
  | { readonly kind: 'no-growth'; readonly minutes: number }
  /** No image ended: the function hangs. `inFlight`: invocations that have no reply. */
  | { readonly kind: 'no-replies'; readonly minutes: number; readonly inFlight: number }
  | { readonly kind: 'unlogged'; readonly images: number }
  | { readonly kind: 'healthy' }
);

export interface DiagnosisFacts {
  readonly run?: RunSnapshot;
  readonly failures: FailureTotals;
  readonly clusters: readonly Cluster[];
  readonly metrics: MetricReading;
  /** The last invocations in the log of the function. */
  readonly reports: readonly InvocationReport[];
  readonly functionFacts: { readonly timeoutMs: number; readonly memoryMb: number };
  readonly modelQuota?: { readonly name: string; readonly perMinute: number };
  /** The largest number of images started within one minute. */
  readonly mostPerMinute?: number;
  /** What could not be read, and which permission is missing. */
  readonly unread: readonly Fault[];
}

export interface Diagnosis {
  /** The largest weight first. */
  readonly findings: readonly Finding[];
  readonly unread: readonly Fault[];
}

/** A cause is the main cause when it has at least this share of the failed images. */
const MAIN_SHARE = 0.5;
const NEAR = 0.8;
const QUOTA_NEAR = 0.9;
const MANY_CAUSES = 4;
/** The runbook's "many throttling errors": this share of all calls. */
const MANY_THROTTLES = 0.05;
const QUOTAS: Readonly<Record<Throttling['source'], Extract<Remedy, { kind: 'raise-quota' }>>> = {
  lambda: { kind: 'raise-quota', service: 'lambda', quota: 'Concurrent executions' },
  bedrock: { kind: 'raise-quota', service: 'bedrock', quota: 'model inference requests per minute' },
  textract: { kind: 'raise-quota', service: 'textract', quota: 'transactions per second' },
  'dynamodb-writes': { kind: 'raise-quota', service: 'dynamodb', quota: 'write capacity of the table' },
  'dynamodb-reads': { kind: 'raise-quota', service: 'dynamodb', quota: 'read capacity of the table' },
};

/** What is wrong, by the questions of the runbook's "Troubleshooting". Decided from the facts alone. */
export function diagnose(facts: DiagnosisFacts): Diagnosis {
  const findings: Finding[] = [
    ...causeFindings(facts),
    ...facts.clusters.slice(0, 3).map(
      (cluster): Finding => ({
        kind: 'cluster',
        cluster,
        weight: Math.min(0.9, cluster.failed / Math.max(1, facts.failures.images)) * 0.8,
        remedies: [],
      }),
    ),
    ...facts.metrics.throttling.map(
      (throttling): Finding => ({
        kind: 'throttling',
        throttling,
        weight: throttling.times >= 10 ? 0.7 : 0.4,
        remedies: [{ kind: 'slower' }, QUOTAS[throttling.source]],
      }),
    ),
    ...limitFindings(facts),
    ...runFindings(facts),
  ];
  findings.sort((a, b) => b.weight - a.weight);
  return {
    findings: findings.length === 0 ? [{ kind: 'healthy', weight: 0, remedies: [] }] : findings,
    unread: facts.unread,
  };
}

/** The causes in the diagnosed run; when none of its images failed, the causes of all recorded failures. */
function causesOf({ causesInRun, causes }: FailureTotals): FailureTotals['causes'] {
  return causesInRun.top.length > 0 ? causesInRun : causes;
}

function causeFindings({ failures }: DiagnosisFacts): readonly Finding[] {
  const found = causesOf(failures);
  const [first] = found.top;
  if (!first) return [];
  const cause = first.totals;
  const images = found.top.reduce((sum, { totals }) => sum + totals.images, found.others.totals.images);
  const share = cause.images / Math.max(1, images);
  const causes = found.top.length + found.others.names;
  const main: Finding = {
    kind: 'main-cause',
    cause,
    share,
    weight: share,
    remedies: [
      { kind: 'retry-cause', causeId: cause.id, images: cause.images },
      { kind: 'read-log', errorsOnly: true },
    ],
  };
  if (share >= MAIN_SHARE || causes < MANY_CAUSES) return [main];
  return [
    {
      kind: 'many-causes',
      causes,
      images,
      weight: 0.5,
      remedies: [{ kind: 'read-log', errorsOnly: true }],
    },
    main,
  ];
}

function limitFindings({
  metrics,
  reports,
  functionFacts,
  failures,
  modelQuota,
  mostPerMinute,
  run,
}: DiagnosisFacts): readonly Finding[] {
  const findings: Finding[] = [];
  const { timeoutMs, memoryMb } = functionFacts;
  const mostMs = Math.max(metrics.longestMs ?? 0, ...reports.map(({ durationMs }) => durationMs));
  const timedOut = failures.byType.TIMEOUT_ERROR ?? 0;
  if (timedOut > 0 || (timeoutMs > 0 && mostMs >= timeoutMs * NEAR))
    findings.push({
      kind: 'near-timeout',
      mostMs,
      timeoutMs,
      timedOut,
      weight: timedOut > 0 ? Math.max(0.5, timedOut / Math.max(1, failures.images)) : 0.3,
      remedies: [{ kind: 'raise-timeout' }],
    });
  const mostMb = Math.max(0, ...reports.map(({ maxMemoryMb }) => maxMemoryMb ?? 0));
  const limitMb = reports.find((report) => report.memoryMb !== undefined)?.memoryMb ?? memoryMb;
  const outOfMemory = failures.byType.OUT_OF_MEMORY ?? 0;
  if (outOfMemory > 0 || (limitMb > 0 && mostMb >= limitMb * NEAR))
    findings.push({
      kind: 'near-memory',
      mostMb,
      memoryMb: limitMb,
      weight: outOfMemory > 0 ? Math.max(0.5, outOfMemory / Math.max(1, failures.images)) : 0.3,
      remedies: [{ kind: 'raise-memory' }],
    });
  const perMinute = Math.max(run?.imagesPerMinute ?? 0, mostPerMinute ?? 0);
  if (modelQuota && perMinute >= modelQuota.perMinute * QUOTA_NEAR)
    findings.push({
      kind: 'quota-use',
      name: modelQuota.name,
      perMinute,
      limit: modelQuota.perMinute,
      weight: 0.45,
      remedies: [{ kind: 'slower' }, QUOTAS.bedrock],
    });
  return findings;
}

function runFindings({ run, failures }: DiagnosisFacts): readonly Finding[] {
  const stalled = stallOf(run);
  const { throttles = 0, calls = 0 } = run?.totals ?? {};
  return [
    ...(throttles > 0 && throttles >= calls * MANY_THROTTLES
      ? [{ kind: 'throttled', times: throttles, calls, weight: 0.5, remedies: [{ kind: 'slower' }] } as const]
      : []),
    ...(stalled === undefined
      ? []
      : [
          {
            ...stalled,
            weight: 0.95,
            remedies: [{ kind: 'read-log', errorsOnly: true } as const],
          },
        ]),
    ...(failures.unlogged > 0
      ? [{ kind: 'unlogged', images: failures.unlogged, weight: 0.2, remedies: [] } as const]
      : []),
  ];
}

/** A run whose table does not grow: because no image ends, or although images are processed. */
function stallOf(
  run: RunSnapshot | undefined,
):
  | { readonly kind: 'no-growth'; readonly minutes: number }
  | { readonly kind: 'no-replies'; readonly minutes: number; readonly inFlight: number }
  | undefined {
  if (!run) return;
  const { state, growth, warnings, inFlight } = run;
  const trip = state.kind === 'tripped' && state.trippedBy.kind === 'no-growth' ? state.trippedBy : undefined;
  const isWarned = warnings.some(({ kind }) => kind === 'no-growth');
  const minutes = trip?.minutes ?? (isWarned ? growth.minutesWithoutGrowth : undefined);
  if (minutes === undefined) return;
  const images = trip ? trip.images : growth.imagesSinceGrowth;
  return images === 0 ? { kind: 'no-replies', minutes, inFlight } : { kind: 'no-growth', minutes };
}
