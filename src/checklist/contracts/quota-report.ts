import type { QuotaReading } from '../../pipeline/limits/quotas.ts';
import type { Quota } from '../../pipeline/limits/service-quota.ts';
import { ceilingFacts, type PlannerSettings } from '../../run/plan/planner.ts';
import { paceCeiling } from '../../run/rules/forecast.ts';

/** What a limit means for a rescan. `unknown`: it could not be read, and is never taken for ok. */
export type QuotaVerdict = 'ok' | 'tight' | 'blocking' | 'unknown';

/** One limit, and what it means. */
export interface QuotaLine {
  readonly limit:
    | 'model-requests'
    | 'model-tokens'
    | 'account-concurrency'
    | 'free-concurrency'
    | 'function'
    | 'table'
    | 'write-capacity'
    | 'textract';
  readonly verdict: QuotaVerdict;
  /** Whose limit it is: the quota's name in Service Quotas, the index's name. */
  readonly name?: string;
  readonly value?: number;
  /** Service Quotas gave the value for this account, or AWS's default; a setting stands in; it was read elsewhere. */
  readonly source?: Quota['source'] | 'setting' | 'read';
  /** What the rescan would need of it, in the same unit. */
  readonly needs?: number;
}

export interface QuotaReport {
  readonly lines: readonly QuotaLine[];
  /** Images a minute that all limits together allow. */
  readonly pacePerMinute: number;
  /** The arithmetic, one line each. */
  readonly because: readonly string[];
  readonly maxInFlight: number;
  /** The limits that keep a rescan from running at all. */
  readonly blocking: readonly QuotaLine[];
  /** What could not be read, and which permission it lacks. */
  readonly notes: readonly string[];
  /** How the function is set up, where it could be read. */
  readonly functionTimeoutMs?: number;
  readonly functionMemoryMb?: number;
  readonly billing?: 'on-demand' | 'provisioned';
}

/** What each limit means for a rescan at the pace that follows from all of them. */
export function judgeQuotas(reading: QuotaReading, settings: PlannerSettings, secondsPerImage: number): QuotaReport {
  const { ceilingPerMinute, maxInFlight, because } = paceCeiling(ceilingFacts(reading, settings, secondsPerImage));
  const model = reading.modelRequestsPerMinute?.value ?? settings.modelRequestsPerMinute;
  const wished = (model * settings.quotaPercent) / 100;
  const lines: QuotaLine[] = [
    modelLine(reading, settings),
    tokensLine(reading, settings, wished),
    ...concurrencyLines(reading, maxInFlight, wished, secondsPerImage),
    ...writeLines(reading, settings, wished),
    ...textractLines(reading, ceilingPerMinute),
  ];
  const blocking = lines.filter(({ verdict }) => verdict === 'blocking');
  return {
    lines,
    pacePerMinute: blocking.length > 0 ? 0 : ceilingPerMinute,
    because,
    maxInFlight,
    blocking,
    notes: reading.notes,
    ...(reading.functionTimeoutMs === undefined ? {} : { functionTimeoutMs: reading.functionTimeoutMs }),
    ...(reading.functionMemoryMb === undefined ? {} : { functionMemoryMb: reading.functionMemoryMb }),
    ...(reading.table ? { billing: reading.table.billing } : {}),
  };
}

function modelLine({ modelRequestsPerMinute: quota }: QuotaReading, settings: PlannerSettings): QuotaLine {
  const limit = 'model-requests';
  if (!quota) return { limit, verdict: 'unknown', value: settings.modelRequestsPerMinute, source: 'setting' };
  const { name, value, source } = quota;
  return { limit, verdict: value <= 0 ? 'blocking' : 'ok', name, value, source };
}

function tokensLine(
  { modelTokensPerMinute: quota }: QuotaReading,
  { tokensPerImage, quotaPercent }: PlannerSettings,
  wished: number,
): QuotaLine {
  const limit = 'model-tokens';
  if (!quota) return { limit, verdict: 'unknown' };
  const { name, value, source } = quota;
  const known = { limit, name, value, source } as const;
  if (value <= 0) return { ...known, verdict: 'blocking' };
  if (tokensPerImage === 0) return { ...known, verdict: 'unknown' };
  const needs = Math.ceil(wished * tokensPerImage);
  return { ...known, verdict: needs > (value * quotaPercent) / 100 ? 'tight' : 'ok', needs };
}

function concurrencyLines(
  reading: QuotaReading,
  maxInFlight: number,
  wished: number,
  secondsPerImage: number,
): QuotaLine[] {
  const { accountConcurrency, freeConcurrency, reservedConcurrency } = reading;
  const needs = Math.ceil((wished * secondsPerImage) / 60);
  const account: QuotaLine =
    accountConcurrency === undefined
      ? { limit: 'account-concurrency', verdict: 'unknown' }
      : {
          limit: 'account-concurrency',
          verdict: accountConcurrency === 0 ? 'blocking' : 'ok',
          value: accountConcurrency,
          source: 'read',
        };
  const free: QuotaLine =
    freeConcurrency === undefined
      ? { limit: 'free-concurrency', verdict: 'unknown' }
      : {
          limit: 'free-concurrency',
          verdict: freeConcurrency === 0 ? 'blocking' : maxInFlight < needs ? 'tight' : 'ok',
          value: freeConcurrency,
          source: 'read',
          needs,
        };
  return reservedConcurrency === undefined
    ? [account, free]
    : [account, { ...free, limit: 'function', value: reservedConcurrency }];
}

function writeLines({ table }: QuotaReading, { entriesPerImage }: PlannerSettings, wished: number): QuotaLine[] {
  if (!table) return [{ limit: 'table', verdict: 'unknown' }];
  const onDemand = { limit: 'table', verdict: 'ok', name: table.name, source: 'read' } as const;
  if (table.billing === 'on-demand' && !table.writeCapacity.some(({ name }) => name === table.name))
    return [onDemand, ...capacityLines(table, entriesPerImage, wished)];
  return capacityLines(table, entriesPerImage, wished);
}

function capacityLines(
  table: NonNullable<QuotaReading['table']>,
  entriesPerImage: number,
  wished: number,
): QuotaLine[] {
  const needs = Math.ceil((wished * entriesPerImage) / 60);
  return table.writeCapacity.map(({ name, units }) => ({
    limit: 'write-capacity' as const,
    // Less than one image a minute is no rescan.
    verdict: units * 60 < entriesPerImage ? 'blocking' : units < needs ? 'tight' : 'ok',
    name,
    value: units,
    source: 'read' as const,
    needs,
  }));
}

function textractLines({ textractPerSecond }: QuotaReading, pacePerMinute: number): QuotaLine[] {
  const { analyzeDocument, detectDocumentText } = textractPerSecond ?? {};
  const needs = Math.ceil(pacePerMinute / 60);
  return [analyzeDocument, detectDocumentText].flatMap((quota): QuotaLine[] =>
    // Which of the two calls the function makes is not known: too little of one is a warning, not a limit.
    quota
      ? [
          {
            limit: 'textract',
            verdict: quota.value < needs ? 'tight' : 'ok',
            name: quota.name,
            value: quota.value,
            source: quota.source,
            needs,
          },
        ]
      : [],
  );
}
