import { z } from 'zod';
import { defined } from '../../lib/defined.ts';
import { redact } from '../../lib/redact.ts';
import {
  brokenOutcome,
  type Fault,
  type InvocationResult,
  throttledOutcome,
} from '../../pipeline/invoke/invocation.ts';
import { readInvokeError } from '../../pipeline/invoke/invoke-error.ts';
import { maybeMissing } from '../../pipeline/invoke/missing-image.ts';
import { readReply } from '../../pipeline/invoke/read-reply.ts';
import type { ReplyNames } from '../../pipeline/profile/profile.ts';
import type { OutcomeRecord } from '../model/types.ts';
import { indexOfSeq } from './lanes.ts';

/**
 * Entries of the journal that the state machine wrote (src/run/engines/step-functions). They hold what was received, and
 * are read with the classification of the local engine.
 */

const entrySchema = z.object({
  sk: z.string().regex(/^outcomes#\d{10}$/),
  writer: z.string(),
  key: z.string(),
  startedAt: z.iso.datetime({ offset: true }),
  endedAt: z.iso.datetime({ offset: true }),
  throttles: z.number(),
  retries: z.number().default(0),
  requestId: z.string().optional(),
  missing: z.boolean().default(false),
  kind: z.enum(['body', 'payload', 'error']),
  status: z.string().default(''),
  text: z.string(),
  error: z.string().default(''),
});
type ParsedEntry = z.infer<typeof entrySchema>;

/** What the machine recorded about one image. */
export interface MachineEntry {
  readonly seq: number;
  readonly writer: string;
  readonly index: number;
  readonly key: string;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly endedAt: number;
  /**
   * What the reply means. `fault` and `suspected` are no outcome of the image: it is processed again, by another execution
   * with another lane, because the machine skips an image that has an entry.
   */
  readonly result: Exclude<InvocationResult, { kind: 'throttled' | 'broken' }>;
  /** Present where the result is an outcome. */
  readonly record?: OutcomeRecord;
}

/** Whether the machine wrote this entry; otherwise the bot did. */
export const isMachineEntry = (entry: object): boolean => 'kind' in entry && !('records' in entry);

/** Reads one entry of the machine. `names`: those of the attributes in a reply. @throws ZodError when it has other contents */
export function readMachineEntry(entry: object, names: ReplyNames): MachineEntry {
  const parsed = entrySchema.parse(entry);
  const { key, writer, retries } = parsed;
  const seq = Number(parsed.sk.slice('outcomes#'.length));
  const index = indexOfSeq(seq);
  const received = resultOf(parsed, names);
  const throttles = parsed.throttles + retries + (received.kind === 'throttled' ? 1 : 0);
  const result = finalResult(received, throttles, parsed.missing);
  const startedAt = Date.parse(parsed.startedAt);
  const endedAt = Math.max(startedAt, Date.parse(parsed.endedAt));
  const about = { seq, writer, index, key, startedAt, endedAt, result };
  if (result.kind !== 'outcome') return about;
  const durationMs = endedAt - startedAt;
  const { outcome } = result;
  const requestId = parsed.requestId || requestIdIn(parsed);
  return { ...about, record: defined({ index, key, outcome, startedAt, durationMs, throttles, requestId }) };
}

/** Invocations after which the machine records a broken connection: one, and two by Retry. */
const BROKEN_ATTEMPTS = 3;

/** The machine repeats throttled and broken attempts by itself: what it recorded was the last one. */
function finalResult(received: InvocationResult, throttles: number, isMissing: boolean): MachineEntry['result'] {
  if (isMissing && maybeMissing(received)) return { kind: 'outcome', outcome: { kind: 'gone' } };
  switch (received.kind) {
    case 'throttled':
      return { kind: 'outcome', outcome: throttledOutcome(throttles, received) };
    case 'broken':
      return { kind: 'outcome', outcome: brokenOutcome(BROKEN_ATTEMPTS, received) };
    case 'outcome':
    case 'fault':
    case 'suspected':
      return received;
  }
}

function resultOf({ kind, status, text, error }: ParsedEntry, names: ReplyNames): InvocationResult {
  switch (kind) {
    case 'body':
      return readReply(
        { statusCode: 200, payload: Buffer.from(JSON.stringify({ statusCode: Number(status), body: text })) },
        names,
      );
    case 'payload':
      return readReply({ statusCode: 200, payload: Buffer.from(text) }, names);
    case 'error':
      return readTaskError(error, text, names);
  }
}

const RETURNED_PAYLOAD = 'Returned payload: ';

/** An error of the task that invokes the function: a crash of the function, or of the call. */
function readTaskError(error: string, cause: string, names: ReplyNames): InvocationResult {
  if (error === 'Lambda.Unknown') {
    const at = cause.indexOf(RETURNED_PAYLOAD);
    return crashed(at < 0 ? cause : cause.slice(at + RETURNED_PAYLOAD.length), names);
  }
  if (error === 'States.DataLimitExceeded')
    return {
      kind: 'outcome',
      outcome: { kind: 'failed', failureType: 'REPLY_TOO_LARGE', errorCode: error, message: redact(cause || error) },
    };
  if (error === 'States.Timeout')
    return {
      kind: 'broken',
      message: redact(`Step Functions waited for the function in vain${cause && `: ${cause}`}`),
    };
  return error.startsWith('Lambda.')
    ? readInvokeError(errorOf(error, cause), {
        service: 'lambda',
        action: 'lambda:InvokeFunction',
        resource: 'function',
      })
    : crashed(cause, names);
}

const crashed = (payload: string, names: ReplyNames): InvocationResult =>
  readReply({ functionError: 'Unhandled', payload: Buffer.from(payload) }, names);

/** ` (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: …)` at the end of a cause. */
const DETAILS = /\s*\(Service: [^()]*\)$/;

/** The error of the SDK that Step Functions describes by its name and its cause. */
function errorOf(error: string, cause: string): object {
  const [details = ''] = DETAILS.exec(cause) ?? [];
  const [, status] = /Status Code: (\d{3})/.exec(details) ?? [];
  const [, code] = /Error Code: (\w+)/.exec(details) ?? [];
  const name = error.replace(/^[A-Za-z]+\./, '');
  return {
    name: name === 'AWSLambdaException' && code !== undefined ? code : name,
    message: cause.replace(DETAILS, ''),
    ...(status !== undefined && { $metadata: { httpStatusCode: Number(status) } }),
  };
}

/** The request id that a crash of the Python runtime, or an error of Lambda, names. */
function requestIdIn({ kind, text }: ParsedEntry): string | undefined {
  if (kind !== 'error') return;
  const [, id] = /"requestId":\s*"([0-9a-f-]{36})"|Request ID: ([0-9a-f-]{36})/.exec(text) ?? [];
  return id;
}

/** What the machine noted on the run's record when no image was the cause of an error. */
export const machineFaultSchema = z.object({ error: z.string(), cause: z.string() });
export type MachineFault = Readonly<z.infer<typeof machineFaultSchema>>;

/** The fault that the machine noted. It acts with a role of its own. */
export function faultOfMachine({ error, cause }: MachineFault, functionName: string): Fault {
  const asked = { service: 'lambda', action: 'lambda:InvokeFunction', resource: functionName };
  const result = error.startsWith('Lambda.') ? readInvokeError(errorOf(error, cause), asked) : undefined;
  const fault = result?.kind === 'fault' ? result.fault : undefined;
  if (fault?.reason === 'access-denied' || error === 'States.Permissions')
    return {
      reason: 'access-denied',
      message: redact(
        `The role of the state machine lacks a permission (lambda:InvokeFunction, ${functionName}): ${cause}`,
      ),
      fix: `Allow lambda:InvokeFunction on ${functionName} for the role of the state machine (setting STATE_MACHINE_ROLE).`,
    };
  return (
    fault ?? {
      reason: 'configuration',
      message: redact(`Step Functions could not invoke ${functionName}: ${error}: ${cause}`),
      fix: 'Check the state machine with `/rescan engine`, and look at its last execution in the AWS Step Functions console.',
    }
  );
}

/** The fault that the machine noted on the run's record, as it was read. */
export function readMachineFault(noted: unknown, functionName: string): Fault {
  const parsed = machineFaultSchema.safeParse(noted);
  return faultOfMachine(
    parsed.success ? parsed.data : { error: 'unknown', cause: JSON.stringify(noted) },
    functionName,
  );
}
