import type { LogLine } from './logs.ts';

/** What Lambda's REPORT line says of an invocation. */
export interface InvocationReport {
  readonly durationMs: number;
  readonly memoryMb?: number;
  readonly maxMemoryMb?: number;
  readonly initMs?: number;
}

/** The log of one invocation, as far as its lines were read. */
export interface InvocationLog {
  /** Undefined: lines that stand before any START, or outside of invocations. */
  readonly requestId?: string;
  readonly stream: string;
  /** Of the first line, epoch ms. */
  readonly at: number;
  /** What the function said, without Lambda's own START, END and REPORT. */
  readonly lines: readonly LogLine[];
  readonly report?: InvocationReport;
  /** A line of it tells of an error, or Lambda ended it. */
  readonly isError: boolean;
}

const START = /^START RequestId: (\S+)/;
const END = /^END RequestId: (\S+)/;
const REPORT = /^REPORT RequestId: (\S+)\s+(.*)$/s;
const ERROR =
  /\bERROR\b|\bTraceback\b|\b\w*(?:Exception|Error)\b|Task timed out|\bRuntime\.\w+|signal: killed|\bnot written\b/;

/** Whether a line tells of an error. */
export const isErrorLine = (message: string): boolean => ERROR.test(message);

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

/**
 * Lines as invocations: errors first, then the newest. A stream runs one invocation at a time, so a line belongs to the START
 * before it in its stream; lines that name another request belong to that one.
 */
export function groupByInvocation(lines: Iterable<LogLine>): readonly InvocationLog[] {
  const groups = new Map<
    string,
    { requestId?: string; stream: string; at: number; lines: LogLine[]; report?: InvocationReport; isError: boolean }
  >();
  const running = new Map<string, string>();
  const groupOf = (line: LogLine, requestId: string | undefined) => {
    const key = requestId ?? `stream ${line.stream}`;
    const group = groups.get(key) ?? {
      ...(requestId === undefined ? {} : { requestId }),
      stream: line.stream,
      at: line.at,
      lines: [],
      isError: false,
    };
    groups.set(key, group);
    return group;
  };
  for (const line of lines) {
    const [, started] = START.exec(line.message) ?? [];
    if (started !== undefined) {
      running.set(line.stream, started);
      groupOf(line, started);
      continue;
    }
    const [, ended] = END.exec(line.message) ?? [];
    if (ended !== undefined) {
      groupOf(line, ended);
      continue;
    }
    const reported = readReportLine(line.message);
    if (reported) {
      groupOf(line, reported.requestId).report = reported.report;
      if (running.get(line.stream) === reported.requestId) running.delete(line.stream);
      continue;
    }
    const group = groupOf(line, running.get(line.stream));
    group.lines.push(line);
    group.isError ||= isErrorLine(line.message);
  }
  return [...groups.values()].sort((a, b) => Number(b.isError) - Number(a.isError) || b.at - a.at);
}
