import { defined } from '../../lib/defined.ts';
import type { QuotaReading } from '../../pipeline/limits/quotas.ts';
import { ceilingFacts, type PlannerSettings } from '../../run/plan/planner.ts';
import { paceCeiling } from '../../run/rules/forecast.ts';
import type { QuotaLine, QuotaReport } from '../contracts/quota-report.ts';

/** Judges each limit for a rescan at the pace that all limits together allow. */
export function judgeQuotas(reading: QuotaReading, settings: PlannerSettings, secondsPerImage: number): QuotaReport {
  const { ceilingPerMinute, maxInFlight, because } = paceCeiling(ceilingFacts(reading, settings, secondsPerImage));
  const model = reading.modelRequestsPerMinute?.value ?? settings.modelRequestsPerMinute;
  const wantedPerMinute = (model * settings.quotaPercent) / 100;
  const lines: QuotaLine[] = [
    modelLine(reading, settings),
    tokensLine(reading, settings, wantedPerMinute),
    ...concurrencyLines(reading, maxInFlight, wantedPerMinute, secondsPerImage),
    ...writeLines(reading, settings, wantedPerMinute),
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
    ...defined({
      functionTimeoutMs: reading.functionTimeoutMs,
      functionMemoryMb: reading.functionMemoryMb,
      billing: reading.table?.billing,
    }),
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
  wantedPerMinute: number,
): QuotaLine {
  const limit = 'model-tokens';
  if (!quota) return { limit, verdict: 'unknown' };
  const { name, value, source } = quota;
  const known = { limit, name, value, source } as const;
  if (value <= 0) return { ...known, verdict: 'blocking' };
  if (tokensPerImage === 0) return { ...known, verdict: 'unknown' };
  const needs = Math.ceil(wantedPerMinute * tokensPerImage);
  return { ...known, verdict: needs > (value * quotaPercent) / 100 ? 'tight' : 'ok', needs };
}

function concurrencyLines(
  reading: QuotaReading,
  maxInFlight: number,
  wantedPerMinute: number,
  secondsPerImage: number,
): QuotaLine[] {
  const { accountConcurrency, freeConcurrency, reservedConcurrency } = reading;
  const needs = Math.ceil((wantedPerMinute * secondsPerImage) / 60);
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

function writeLines(
  { table }: QuotaReading,
  { entriesPerImage }: PlannerSettings,
  wantedPerMinute: number,
): QuotaLine[] {
  if (!table) return [{ limit: 'table', verdict: 'unknown' }];
  const onDemand = { limit: 'table', verdict: 'ok', name: table.name, source: 'read' } as const;
  if (table.billing === 'on-demand' && !table.writeCapacity.some(({ name }) => name === table.name))
    return [onDemand, ...capacityLines(table, entriesPerImage, wantedPerMinute)];
  return capacityLines(table, entriesPerImage, wantedPerMinute);
}

function capacityLines(
  table: NonNullable<QuotaReading['table']>,
  entriesPerImage: number,
  wantedPerMinute: number,
): QuotaLine[] {
  const needs = Math.ceil((wantedPerMinute * entriesPerImage) / 60);
  return table.writeCapacity.map(({ name, units }) => ({
    limit: 'write-capacity' as const,
    // Too little for one image per minute.
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
    // The bot does not know which of the two calls the function makes, so too little of one is only a warning.
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
