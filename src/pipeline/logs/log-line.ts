import { z } from 'zod';
import type { InvocationReport } from './log-report.ts';

/** What one line of a function's log is, in Lambda's text form or in its JSON form. */
export type LineKind =
  | { readonly kind: 'init' }
  | { readonly kind: 'start' | 'end'; readonly requestId: string }
  | {
      readonly kind: 'report';
      readonly requestId: string;
      readonly report: InvocationReport;
      /** Lambda ended the invocation: it ran out of time or memory, or crashed. */
      readonly isFailure: boolean;
    }
  /** What the function said; `requestId` where the line names it itself. */
  | { readonly kind: 'said'; readonly isError: boolean; readonly requestId?: string };

const MARK = /^(START|END) RequestId: (\S+)/;
const REPORT = /^REPORT RequestId: (\S+)\s+(.*)$/s;
const FAILURE_STATUS = /(?:^|\s)Status: (?!success\b)\w/;
const UUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/;
const ERROR =
  /\bERROR\b|\bTraceback\b|\b\w*(?:Exception|Error)\b|Task timed out|\bRuntime\.\w+|signal: killed|\bnot written\b/;

/** Whether a line tells of an error. */
export const isErrorLine = (message: string): boolean => ERROR.test(message);

const platformSchema = z.looseObject({
  type: z.string().startsWith('platform.'),
  record: z.looseObject({
    requestId: z.string().optional(),
    status: z.string().optional(),
    metrics: z
      .looseObject({
        durationMs: z.number().optional(),
        memorySizeMB: z.number().optional(),
        maxMemoryUsedMB: z.number().optional(),
        initDurationMs: z.number().optional(),
      })
      .optional(),
  }),
});
const saidSchema = z.looseObject({
  level: z.string().optional(),
  requestId: z.string().optional(),
  AWSRequestId: z.string().optional(),
});

export function readLine(message: string): LineKind {
  if (message.startsWith('{')) {
    const read = readJsonLine(message);
    if (read) return read;
  }
  if (message.startsWith('INIT_')) return { kind: 'init' };
  const [, mark, requestId] = MARK.exec(message) ?? [];
  if (requestId !== undefined) return { kind: mark === 'START' ? 'start' : 'end', requestId };
  const reported = readReportLine(message);
  if (reported) return { kind: 'report', ...reported, isFailure: FAILURE_STATUS.test(message) };
  const named = UUID.exec(message)?.[0];
  return { kind: 'said', isError: isErrorLine(message), ...(named === undefined ? {} : { requestId: named }) };
}

function readJsonLine(message: string): LineKind | undefined {
  let json: unknown;
  try {
    json = JSON.parse(message);
  } catch {
    return;
  }
  const platform = platformSchema.safeParse(json);
  if (platform.success) return readPlatformLine(platform.data);
  const said = saidSchema.safeParse(json);
  if (!said.success) return;
  const { level = '', requestId, AWSRequestId } = said.data;
  const named = requestId ?? AWSRequestId;
  const isError = /^(error|fatal|critical)$/i.test(level) || isErrorLine(message);
  return { kind: 'said', isError, ...(named === undefined ? {} : { requestId: named }) };
}

function readPlatformLine({ type, record }: z.infer<typeof platformSchema>): LineKind {
  const { requestId, status = 'success', metrics = {} } = record;
  if (requestId === undefined) return { kind: 'init' };
  if (type === 'platform.start') return { kind: 'start', requestId };
  if (type !== 'platform.report') return { kind: 'end', requestId };
  const { durationMs = 0, memorySizeMB, maxMemoryUsedMB, initDurationMs } = metrics;
  return {
    kind: 'report',
    requestId,
    isFailure: status !== 'success',
    report: {
      durationMs,
      ...(memorySizeMB === undefined ? {} : { memoryMb: memorySizeMB }),
      ...(maxMemoryUsedMB === undefined ? {} : { maxMemoryMb: maxMemoryUsedMB }),
      ...(initDurationMs === undefined ? {} : { initMs: initDurationMs }),
    },
  };
}

/** The numbers of a REPORT line; undefined where it is none. */
export function readReportLine(
  message: string,
): { readonly requestId: string; readonly report: InvocationReport } | undefined {
  const [, requestId, rest] = REPORT.exec(message) ?? [];
  if (requestId === undefined || rest === undefined) return;
  const number = (name: string, unit: string): number | undefined => {
    const [, digits] = new RegExp(`(?:^|\\s)${name}: ([0-9.]+) ${unit}`).exec(rest) ?? [];
    return digits === undefined ? undefined : Number(digits);
  };
  const [memoryMb, maxMemoryMb, initMs] = [
    number('Memory Size', 'MB'),
    number('Max Memory Used', 'MB'),
    number('Init Duration', 'ms'),
  ];
  return {
    requestId,
    report: {
      durationMs: number('Duration', 'ms') ?? 0,
      ...(memoryMb === undefined ? {} : { memoryMb }),
      ...(maxMemoryMb === undefined ? {} : { maxMemoryMb }),
      ...(initMs === undefined ? {} : { initMs }),
    },
  };
}
