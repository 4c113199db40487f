import { z } from 'zod';
import { defined } from '../../lib/defined.ts';
import { parseJson } from '../../lib/json.ts';

/** The numbers in Lambda's REPORT line of an invocation. */
export interface InvocationReport {
  readonly durationMs: number;
  readonly memoryMb?: number;
  readonly maxMemoryMb?: number;
}

/** One line of the log of a function, in Lambda's text format or JSON format. */
export type LineKind =
  | { readonly kind: 'init' }
  | { readonly kind: 'start' | 'end'; readonly requestId: string }
  | {
      readonly kind: 'report';
      readonly requestId: string;
      readonly report: InvocationReport;
      /** The invocation timed out, ran out of memory or crashed. */
      readonly isFailure: boolean;
    }
  /** A line that the function wrote. `requestId`: only when the line contains it. */
  | { readonly kind: 'output'; readonly isError: boolean; readonly requestId?: string };

/** The lines of Lambda about the start of a runtime: INIT_START and INIT_REPORT. */
const INIT = /^INIT_(?:START|REPORT) /;
const MARK = /^(START|END) RequestId: (\S+)/;
const REPORT = /^REPORT RequestId: (\S+)\s+(.*)$/s;
const FAILURE_STATUS = /(?:^|\s)Status: (?!success\b)\w/;
const UUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/;
const ERROR =
  /\bERROR\b|\bTraceback\b|\b\w*(?:Exception|Error)\b|Task timed out|\bRuntime\.\w+|signal: killed|\bnot written\b/;

/** Whether a line reports an error. */
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
      })
      .optional(),
  }),
});
const outputSchema = z.looseObject({
  level: z.string().optional(),
  requestId: z.string().optional(),
  AWSRequestId: z.string().optional(),
});

export function readLine(message: string): LineKind {
  if (message.startsWith('{')) {
    const read = readJsonLine(message);
    if (read) return read;
  }
  if (INIT.test(message)) return { kind: 'init' };
  const [, mark, requestId] = MARK.exec(message) ?? [];
  if (requestId !== undefined) return { kind: mark === 'START' ? 'start' : 'end', requestId };
  const reported = readReportLine(message);
  if (reported) return { kind: 'report', ...reported, isFailure: FAILURE_STATUS.test(message) };
  const named = UUID.exec(message)?.[0];
  return defined({ kind: 'output', isError: isErrorLine(message), requestId: named } as const);
}

function readJsonLine(message: string): LineKind | undefined {
  const json = parseJson(message);
  const platform = platformSchema.safeParse(json);
  if (platform.success) return readPlatformLine(platform.data);
  const output = outputSchema.safeParse(json);
  if (!output.success) return;
  const { level = '', requestId, AWSRequestId } = output.data;
  const named = requestId ?? AWSRequestId;
  const isError = /^(error|fatal|critical)$/i.test(level) || isErrorLine(message);
  return defined({ kind: 'output', isError, requestId: named } as const);
}

function readPlatformLine({ type, record }: z.infer<typeof platformSchema>): LineKind {
  const { requestId, status = 'success', metrics = {} } = record;
  if (requestId === undefined) return { kind: 'init' };
  if (type === 'platform.start') return { kind: 'start', requestId };
  if (type !== 'platform.report') return { kind: 'end', requestId };
  const { durationMs = 0, memorySizeMB, maxMemoryUsedMB } = metrics;
  return {
    kind: 'report',
    requestId,
    isFailure: status !== 'success',
    report: defined({
      durationMs,
      memoryMb: memorySizeMB,
      maxMemoryMb: maxMemoryUsedMB,
    }),
  };
}

/** The numbers of a REPORT line; undefined for any other line. */
export function readReportLine(
  message: string,
): { readonly requestId: string; readonly report: InvocationReport } | undefined {
  const [, requestId, rest] = REPORT.exec(message) ?? [];
  if (requestId === undefined || rest === undefined) return;
  const number = (name: string, unit: string): number | undefined => {
    const [, digits] = new RegExp(`(?:^|\\s)${name}: (\\d+(?:\\.\\d+)?) ${unit}`).exec(rest) ?? [];
    return digits === undefined ? undefined : Number(digits);
  };
  return {
    requestId,
    report: defined({
      durationMs: number('Duration', 'ms') ?? 0,
      memoryMb: number('Memory Size', 'MB'),
      maxMemoryMb: number('Max Memory Used', 'MB'),
    }),
  };
}
