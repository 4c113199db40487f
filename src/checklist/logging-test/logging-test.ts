import type { Clock } from '../../lib/clock.ts';
import { FaultError } from '../../pipeline/fault.ts';
import type { Fault, Invocation } from '../../pipeline/invoke/invocation.ts';
import type { PendingTests } from './pending-tests.ts';

/** What a failure left in the table: the newest record, and how all of them are taken out. */
export interface FoundRecords {
  /** The table's real key, in words: `ResourceName FAILED_IMAGE, DateProjectCode …`. */
  readonly key: string;
  /** Attributes worth showing, in order. */
  readonly attributes: readonly (readonly [name: string, value: string])[];
  /** Takes the records of this image out of the table again: there are two where two loggers wrote one each. */
  readonly remove: () => Promise<void>;
}

/** Why there is no record though one was to be written, by what DynamoDB answered; `unreachable`: it did not answer. */
export type WriteRefusal = 'missing-key' | 'access-denied' | 'table-missing' | 'throttled' | 'unreachable' | 'other';

/** What a test of the failure logging came to: proven, or exactly which part does not work. */
export type LoggingResult =
  | {
      readonly kind: 'proven';
      readonly imageKey: string;
      readonly record: Pick<FoundRecords, 'key' | 'attributes'>;
      readonly afterMs: number;
      /** Undefined: the record was removed. Else why not. */
      readonly leftBecause?: string;
    }
  | { readonly kind: 'did-not-fail'; readonly imageKey: string; readonly reply: string }
  | { readonly kind: 'nothing-logged'; readonly imageKey: string; readonly failure: string }
  | {
      readonly kind: 'write-refused';
      readonly imageKey: string;
      readonly failure: string;
      readonly line: string;
      readonly refusal: WriteRefusal;
    }
  /** No record, and the log could not be read: which of the two cases it is is not known. */
  | { readonly kind: 'log-unread'; readonly imageKey: string; readonly failure: string; readonly fault: Fault }
  /** The function says that it wrote the record, and it is not in the table that the bot looks at. */
  | { readonly kind: 'written-elsewhere'; readonly imageKey: string; readonly failure: string; readonly line: string }
  /** No record, and the log did not show the invocation to its end: what it would say is not known. */
  | { readonly kind: 'log-silent'; readonly imageKey: string; readonly failure: string; readonly group: string }
  /** The function gave no answer that tells anything: throttled, or the connection broke. */
  | { readonly kind: 'no-answer'; readonly imageKey: string; readonly message: string };

export interface LoggingTestPorts {
  readonly clock: Clock;
  /** Something no other test is named by. */
  readonly uniqueName: () => string;
  readonly invoke: (imageKey: string) => Promise<Invocation>;
  /** Looks for the records of this very image, consistently. */
  readonly findRecords: (imageKey: string) => Promise<FoundRecords | undefined>;
  /** The same by reading the whole table, for loggers whose key is not known; asked once. */
  readonly searchRecords: (imageKey: string) => Promise<FoundRecords | undefined>;
  /** The function's log of an invocation. @throws where the log cannot be read. */
  readonly readLog: (about: { requestId?: string; imageKey: string; from: number }) => Promise<InvocationLines>;
  readonly readFault: (error: unknown) => Fault;
  /** Remembers the test until its record is known to be gone. */
  readonly pendingTests: Pick<PendingTests, 'add' | 'remove'>;
}

/** What the log says of one invocation so far. */
export interface InvocationLines {
  readonly group: string;
  readonly lines: readonly string[];
  /** Its end was shown: there is nothing more to come. */
  readonly isWhole: boolean;
}

const LOOK_FOR_MS = 15_000;
const LOOK_EVERY_MS = 500;
/** CloudWatch shows lines a few seconds after they were written. */
const READ_LOG_FOR_MS = 10_000;

/**
 * Invokes the function with a key that does not exist and looks for the record that its failure must leave: by key,
 * consistently, for 15 s (runbook, step 5, which counted all records and could not tell). What it finds it removes.
 * @throws FaultError where the function cannot be invoked or the table cannot be read.
 */
export async function testLogging(ports: LoggingTestPorts): Promise<LoggingResult> {
  const { clock } = ports;
  const imageKey = `INVALID_IMAGE-${ports.uniqueName()}.png`;
  const from = clock.now();
  // A process that dies from here on leaves word of what it may have left in the table.
  await ports.pendingTests.add({ imageKey, at: from });
  const { reading, requestId } = await ports.invoke(imageKey);
  const about = { imageKey, from, ...(requestId === undefined ? {} : { requestId }) };
  switch (reading.kind) {
    case 'fault':
      throw new FaultError(reading.fault);
    case 'throttled':
    case 'broken':
      return { kind: 'no-answer', imageKey, message: reading.message };
    case 'outcome':
  }
  const { outcome } = reading;
  if (outcome.kind !== 'failed')
    return { kind: 'did-not-fail', imageKey, reply: outcome.kind === 'rejected' ? outcome.reason : 'processed' };
  const failure = `${outcome.failureType} · ${outcome.message}`;

  const answeredAt = clock.now();
  const found = (await lookFor(answeredAt + LOOK_FOR_MS)) ?? (await ports.searchRecords(imageKey));
  if (found) {
    const { key, attributes } = found;
    const afterMs = Math.round(clock.now() - answeredAt);
    const leftBecause = await found
      .remove()
      .then(() => ports.pendingTests.remove(imageKey))
      .then(
        () => undefined,
        (error: unknown) => ports.readFault(error).message,
      );
    const known = { kind: 'proven', imageKey, record: { key, attributes }, afterMs } as const;
    return leftBecause === undefined ? known : { ...known, leftBecause };
  }
  try {
    const { group, lines, isWhole } = await readToItsEnd();
    const line = refusalLine(lines);
    if (line !== undefined) return { kind: 'write-refused', imageKey, failure, line, refusal: refusalIn(line) };
    const written = lines.find((candidate) => candidate.includes(WRITTEN));
    if (written !== undefined) return { kind: 'written-elsewhere', imageKey, failure, line: written };
    return isWhole ? { kind: 'nothing-logged', imageKey, failure } : { kind: 'log-silent', imageKey, failure, group };
  } catch (error) {
    return { kind: 'log-unread', imageKey, failure, fault: ports.readFault(error) };
  }

  /** A logger may have told in its log that it gave up: then there is nothing to wait for. */
  async function lookFor(until: number): Promise<FoundRecords | undefined> {
    for (;;) {
      const records = await ports.findRecords(imageKey);
      if (records || clock.now() >= until) return records;
      const lines = await ports.readLog(about).then(
        (log) => log.lines,
        // Only a short cut: where the log cannot be read, the wait goes to its end.
        () => [],
      );
      if (refusalLine(lines) !== undefined) return;
      await clock.sleep(LOOK_EVERY_MS);
    }
  }

  async function readToItsEnd(): Promise<InvocationLines> {
    const until = clock.now() + READ_LOG_FOR_MS;
    for (;;) {
      const log = await ports.readLog(about);
      if (log.isWhole || refusalLine(log.lines) !== undefined || clock.now() >= until) return log;
      await clock.sleep(LOOK_EVERY_MS * 2);
    }
  }
}

const OURS = 'RESCAN_FAILURE_LOGGING not written';
const WRITTEN = 'RESCAN_FAILURE_LOGGING written';
const WRITES = /\b(PutItem|UpdateItem|BatchWriteItem|TransactWriteItems)\b/;
const REFUSES =
  /ValidationException|AccessDenied|ResourceNotFoundException|ProvisionedThroughputExceeded|ThrottlingException|RequestLimitExceeded|UnrecognizedClient|ExpiredToken|ConditionalCheckFailed|ItemCollectionSizeLimit/;

/** As the pipeline's own logger says it, and others do: `Could not save failed image record`, `Could not log failure`. */
const GIVES_UP = /\b(?:could not|cannot|can't|unable to|failed to) (?:log|save|store|write|record|put)\b.*\bfail/i;

/** A line that says that a record was not written: our module's words, boto3's own, or a logger's. */
export const isWriteRefusal = (line: string): boolean =>
  line.includes(OURS) || (WRITES.test(line) && REFUSES.test(line)) || GIVES_UP.test(line);

/** The line that tells why there is no record. Where our module is around another logger, only its own word counts. */
const refusalLine = (lines: readonly string[]): string | undefined =>
  lines.find((line) => line.includes(OURS)) ??
  (lines.some((line) => line.includes(WRITTEN)) ? undefined : lines.find(isWriteRefusal));

/** Which refusal a line tells of. */
export function refusalIn(line: string): WriteRefusal {
  if (/AccessDenied|UnrecognizedClient|ExpiredToken/.test(line)) return 'access-denied';
  if (/ValidationException/.test(line) && /key/i.test(line)) return 'missing-key';
  if (/ResourceNotFoundException/.test(line)) return 'table-missing';
  if (/ProvisionedThroughputExceeded|ThrottlingException|RequestLimitExceeded/.test(line)) return 'throttled';
  if (/Time(?:d )?-?out|EndpointConnectionError|ConnectionClosed|Could not connect to the endpoint/i.test(line))
    return 'unreachable';
  return 'other';
}
