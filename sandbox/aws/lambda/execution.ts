import { randomUUID } from 'node:crypto';
import type { LogRing } from '../logs/log-ring.ts';
import type { FunctionReply } from '../ocr/ocr.ts';
import type { FunctionRevision } from './function-state.ts';

/** A warm copy (execution environment) of the function. It runs one invocation at a time and writes one log stream. */
export interface Environment {
  readonly revisionId: string;
  readonly stream: string;
  /** Duration of its cold start in ms; undefined after its first invocation. */
  initMs: number | undefined;
}

const KEPT_IDLE = 50;

/** The warm copies of the function. Copies of an earlier revision are discarded. */
export function createEnvironments(random: () => number) {
  let idle: Environment[] = [];
  return {
    take({ revisionId, version }: FunctionRevision, now: number): Environment {
      idle = idle.filter((environment) => environment.revisionId === revisionId);
      const day = new Date(now).toISOString().slice(0, 10).replaceAll('-', '/');
      return (
        idle.pop() ?? {
          revisionId,
          stream: `${day}/[${version}]${randomUUID().replaceAll('-', '')}`,
          initMs: 420 + random() * 380,
        }
      );
    },
    giveBack(environment: Environment): void {
      environment.initMs = undefined;
      if (idle.length < KEPT_IDLE) idle.push(environment);
    },
    clear() {
      idle = [];
    },
  };
}

interface PlatformLines {
  readonly say: (message: string) => void;
  started(): void;
  ended(reply: FunctionReply, facts: { durationMs: number; memorySizeMb: number; usedMb: number }): void;
}

/** The log lines that Lambda itself writes around an invocation. */
export function platformLines(
  logs: LogRing,
  { stream, initMs }: Pick<Environment, 'stream' | 'initMs'>,
  requestId: string,
  version: string,
  format: 'Text' | 'JSON' = 'Text',
): PlatformLines {
  if (format === 'JSON') return jsonLines(logs, { stream, initMs }, requestId, version);
  const say = (message: string) => logs.add(Date.now(), stream, message);
  return {
    say,
    started() {
      if (initMs !== undefined)
        say(
          'INIT_START Runtime Version: python:3.13.v64\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:sandbox\n',
        );
      say(`START RequestId: ${requestId} Version: ${version}\n`);
    },
    ended(reply: FunctionReply, facts: { durationMs: number; memorySizeMb: number; usedMb: number }) {
      for (const line of errorLines(reply, requestId)) say(line);
      say(`END RequestId: ${requestId}\n`);
      const { durationMs, memorySizeMb, usedMb } = facts;
      say(
        [
          `REPORT RequestId: ${requestId}`,
          `Duration: ${durationMs.toFixed(2)} ms`,
          `Billed Duration: ${Math.ceil(durationMs + (initMs ?? 0))} ms`,
          `Memory Size: ${memorySizeMb} MB`,
          `Max Memory Used: ${usedMb} MB`,
          ...(initMs === undefined ? [] : [`Init Duration: ${initMs.toFixed(2)} ms`]),
          ...statusOf(reply),
          '\n',
        ].join('\t'),
      );
    },
  };
}

/** The same lines in Lambda's JSON format (Lambda developer guide, "Telemetry API Event schema reference"). */
function jsonLines(
  logs: LogRing,
  { stream, initMs }: Pick<Environment, 'stream' | 'initMs'>,
  requestId: string,
  version: string,
): PlatformLines {
  const say = (message: string) => logs.add(Date.now(), stream, message);
  const event = (type: string, record: object) =>
    say(`${JSON.stringify({ time: new Date().toISOString(), type: `platform.${type}`, record })}\n`);
  return {
    say,
    started() {
      if (initMs !== undefined)
        event('initStart', { initializationType: 'on-demand', phase: 'init', runtimeVersion: 'python:3.13.v64' });
      event('start', { requestId, version });
    },
    ended(reply, { durationMs, memorySizeMb, usedMb }) {
      for (const line of errorLines(reply, requestId)) say(line);
      event('runtimeDone', { requestId, status: reply.killed ? 'error' : 'success', metrics: { durationMs } });
      event('report', {
        requestId,
        status: reply.kind.startsWith('timeout') ? 'timeout' : reply.killed ? 'error' : 'success',
        metrics: {
          durationMs: Number(durationMs.toFixed(3)),
          billedDurationMs: Math.ceil(durationMs + (initMs ?? 0)),
          memorySizeMB: memorySizeMb,
          maxMemoryUsedMB: usedMb,
          ...(initMs === undefined ? {} : { initDurationMs: Number(initMs.toFixed(3)) }),
        },
      });
    },
  };
}

function statusOf({ kind }: FunctionReply): string[] {
  if (kind.startsWith('timeout')) return ['Status: timeout'];
  if (kind === 'out-of-memory') return ['Status: error', 'Error Type: Runtime.OutOfMemory'];
  return kind === 'exit' ? ['Status: error', 'Error Type: Runtime.ExitError'] : [];
}

/** The log line that the runtime writes for an invocation that did not return. */
function errorLines(reply: FunctionReply, requestId: string): string[] {
  if (reply.functionError === undefined) return [];
  const { errorType, errorMessage, stackTrace }: { errorType?: string; errorMessage: string; stackTrace?: string[] } =
    JSON.parse(reply.payload);
  if (reply.kind.startsWith('timeout')) {
    const said = /Task timed out after .*$/.exec(errorMessage)?.[0];
    return [`${new Date().toISOString()} ${requestId} ${said}\n\n`];
  }
  if (reply.killed) return [`${errorMessage}\n${errorType}\n`];
  return [`[ERROR] ${errorType}: ${errorMessage}\nTraceback (most recent call last):\n${(stackTrace ?? []).join('')}`];
}
