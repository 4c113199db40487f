import type { IncomingMessage } from 'node:http';

/** One call that changes the pipeline or invokes its function. */
export interface SeenCall {
  /** The access key id of the caller: so processes with keys of their own are distinct. */
  readonly caller: string;
  readonly operation: string;
  /** Epoch ms. */
  readonly at: number;
}

/** The bot changes records of the pipeline's table by transactions only, and no other table. */
const CHANGES = new Set([
  'TransactWriteItems',
  'StartExecution',
  'RedriveExecution',
  'StopExecution',
  'UpdateMapRun',
  'Invoke',
]);
const MOST_KEPT = 10_000;

/** The access key id of a caller that looks at the local AWS from outside: no fault of the network reaches it. */
export const OBSERVER = 'observer';

/** The access key id of the caller; empty where the request is not signed. */
export const callerOf = (request: IncomingMessage): string =>
  /Credential=([^/]+)\//.exec(String(request.headers.authorization ?? ''))?.[1] ?? '';

/** Who called an operation that changes something: the last 10,000 calls, oldest first. */
export function createCallers() {
  let calls: SeenCall[] = [];
  return {
    note(request: IncomingMessage, path: string, at: number): void {
      const [, target] = String(request.headers['x-amz-target'] ?? '').split('.');
      const operation = target ?? (/\/invocations$/.test(path) ? 'Invoke' : '');
      if (!CHANGES.has(operation)) return;
      calls.push({ caller: callerOf(request), operation, at });
      if (calls.length > MOST_KEPT * 2) calls = calls.slice(-MOST_KEPT);
    },
    calls: (): readonly SeenCall[] => calls.slice(-MOST_KEPT),
    clear(): void {
      calls = [];
    },
  };
}
