import { defined } from '../../lib/defined.ts';
import { type InvocationReport, readLine } from './log-line.ts';
import type { LogLine } from './logs.ts';

/** The lines of one invocation, as far as they were read. */
export interface InvocationLog {
  /** Undefined for lines before the first START, or outside of invocations. */
  readonly requestId?: string;
  readonly stream: string;
  /** The time of the first line, epoch ms. */
  readonly at: number;
  /** The lines of the function, without Lambda's START, END and REPORT. */
  readonly lines: readonly LogLine[];
  /** The index of the first line that reports an error; -1 when there is none. */
  readonly firstError: number;
  readonly report?: InvocationReport;
  /** A line reports an error, or the invocation timed out or crashed. */
  readonly isError: boolean;
  /** One of the searched lines belongs to it. */
  readonly isHit: boolean;
}

interface Group {
  requestId?: string;
  stream: string;
  at: number;
  lines: LogLine[];
  firstError: number;
  report?: InvocationReport;
  isError: boolean;
  isHit: boolean;
}

/**
 * Groups lines by invocation: errors first, then newest first. A stream runs one invocation at a time, so a line
 * belongs to the START before it in its stream. A line that names a known invocation (a timeout is logged after the
 * REPORT) belongs to that one. `hits`: the ids of the searched lines; by default all lines.
 */
export function groupByInvocation(lines: Iterable<LogLine>, hits?: ReadonlySet<string>): readonly InvocationLog[] {
  const groups = new Map<string, Group>();
  const running = new Map<string, string>();
  /** Lines of an initialisation, until the invocation begins for which it was. */
  const starting = new Map<string, LogLine[]>();
  const groupOf = (line: LogLine, requestId: string | undefined): Group => {
    const key = requestId ?? `stream ${line.stream}`;
    const { stream, at } = line;
    const group =
      groups.get(key) ?? defined({ requestId, stream, at, lines: [], firstError: -1, isError: false, isHit: false });
    groups.set(key, group);
    group.isHit ||= hits === undefined || hits.has(line.id);
    return group;
  };
  const add = (group: Group, line: LogLine, isError: boolean) => {
    if (isError && group.firstError < 0) group.firstError = group.lines.length;
    group.isError ||= isError;
    group.lines.push(line);
  };
  for (const line of lines) {
    const read = readLine(line.message);
    switch (read.kind) {
      case 'init':
        starting.set(line.stream, starting.get(line.stream) ?? []);
        starting.get(line.stream)?.push(line);
        break;
      case 'start': {
        running.set(line.stream, read.requestId);
        const group = groupOf(line, read.requestId);
        for (const before of starting.get(line.stream) ?? []) add(group, before, false);
        starting.delete(line.stream);
        break;
      }
      case 'end':
        groupOf(line, read.requestId);
        break;
      case 'report': {
        const group = groupOf(line, read.requestId);
        group.report = read.report;
        group.isError ||= read.isFailure;
        if (running.get(line.stream) === read.requestId) running.delete(line.stream);
        break;
      }
      case 'output': {
        const isKnown = read.requestId !== undefined && groups.get(read.requestId)?.stream === line.stream;
        add(groupOf(line, isKnown ? read.requestId : running.get(line.stream)), line, read.isError);
        break;
      }
    }
  }
  for (const unstarted of starting.values()) for (const line of unstarted) add(groupOf(line, undefined), line, false);
  return [...groups.values()].sort((a, b) => Number(b.isError) - Number(a.isError) || b.at - a.at);
}
