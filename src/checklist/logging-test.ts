import type { Clock } from '../clock.ts';
import { FaultError } from '../pipeline/fault.ts';
import type { Fault, Invocation } from '../pipeline/reading.ts';

/** A record of the failure, as it was found in the table. */
export interface FoundRecord {
  /** The table's real key, in words: `ResourceName FAILED_IMAGE, DateProjectCode …`. */
  readonly key: string;
  /** Attributes worth showing, in order. */
  readonly attributes: readonly (readonly [name: string, value: string])[];
  /** Takes the record out of the table again. */
  readonly remove: () => Promise<void>;
}

/** Why DynamoDB did not take the record, by what it answered. */
export type WriteRefusal = 'missing-key' | 'access-denied' | 'table-missing' | 'throttled' | 'other';

/** What a test of the failure logging came to: proven, or exactly which part does not work. */
export type LoggingResult =
  | {
      readonly kind: 'proven';
      readonly imageKey: string;
      readonly record: Pick<FoundRecord, 'key' | 'attributes'>;
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
  /** The function gave no answer that tells anything: throttled, or the connection broke. */
  | { readonly kind: 'no-answer'; readonly imageKey: string; readonly message: string };

export interface LoggingTestPorts {
  readonly clock: Clock;
  /** Something no other test is named by. */
  readonly uniqueName: () => string;
  readonly invoke: (imageKey: string) => Promise<Invocation>;
  /** Looks for the record of this very image, consistently. */
  readonly findRecord: (imageKey: string) => Promise<FoundRecord | undefined>;
  /** The same by reading the whole table, for loggers whose key is not known; asked once. */
  readonly searchRecord: (imageKey: string) => Promise<FoundRecord | undefined>;
  /** The function's log lines of an invocation. @throws where the log cannot be read. */
  readonly logLines: (about: { requestId?: string; imageKey: string; from: number }) => Promise<readonly string[]>;
  readonly readFault: (error: unknown) => Fault;
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
  const { reading, requestId } = await ports.invoke(imageKey);
  switch (reading.kind) {
    case 'fault':
      throw new FaultError(reading.fault);
    case 'pushback':
    case 'broken':
      return { kind: 'no-answer', imageKey, message: reading.message };
    case 'outcome':
  }
  const { outcome } = reading;
  if (outcome.kind !== 'failed')
    return { kind: 'did-not-fail', imageKey, reply: outcome.kind === 'rejected' ? outcome.reason : 'processed' };
  const failure = `${outcome.failureType} · ${outcome.message}`;

  const answeredAt = clock.now();
  const found = (await lookFor(imageKey, answeredAt + LOOK_FOR_MS)) ?? (await ports.searchRecord(imageKey));
  if (found) {
    const { key, attributes } = found;
    const afterMs = Math.round(clock.now() - answeredAt);
    const leftBecause = await found.remove().then(
      () => undefined,
      (error: unknown) => ports.readFault(error).message,
    );
    const known = { kind: 'proven', imageKey, record: { key, attributes }, afterMs } as const;
    return leftBecause === undefined ? known : { ...known, leftBecause };
  }
  try {
    const line = await lookForRefusal({ imageKey, from, ...(requestId === undefined ? {} : { requestId }) });
    return line === undefined
      ? { kind: 'nothing-logged', imageKey, failure }
      : { kind: 'write-refused', imageKey, failure, line, refusal: refusalIn(line) };
  } catch (error) {
    return { kind: 'log-unread', imageKey, failure, fault: ports.readFault(error) };
  }

  /** A logger of ours may have told in its log that it gave up: then there is nothing to wait for. */
  async function lookFor(key: string, until: number): Promise<FoundRecord | undefined> {
    for (;;) {
      const record = await ports.findRecord(key);
      if (record || clock.now() >= until) return record;
      const lines = await ports
        .logLines({ imageKey: key, from, ...(requestId === undefined ? {} : { requestId }) })
        .catch(
          // Only a short cut: where the log cannot be read, the wait goes to its end.
          () => [],
        );
      if (lines.some(isWriteRefusal)) return;
      await clock.sleep(LOOK_EVERY_MS);
    }
  }

  async function lookForRefusal(about: { requestId?: string; imageKey: string; from: number }) {
    const until = clock.now() + READ_LOG_FOR_MS;
    for (;;) {
      const lines = await ports.logLines(about);
      const refused = lines.find(isWriteRefusal);
      if (refused !== undefined || lines.some(isEnd) || clock.now() >= until) return refused;
      await clock.sleep(LOOK_EVERY_MS * 2);
    }
  }
}

/** The end of an invocation in the log: what it had to say stands above. */
const isEnd = (line: string) => /^(REPORT|END) RequestId: /.test(line);

const WRITES = /\b(PutItem|UpdateItem|BatchWriteItem|TransactWriteItems)\b/;
const REFUSES =
  /ValidationException|AccessDenied|ResourceNotFoundException|ProvisionedThroughputExceeded|ThrottlingException|RequestLimitExceeded|UnrecognizedClient|ExpiredToken|ConditionalCheckFailed|ItemCollectionSizeLimit/;

/** A line that says that DynamoDB did not take a write: boto3's own words, or those of our module. */
export const isWriteRefusal = (line: string): boolean =>
  line.includes('RESCAN_FAILURE_LOGGING not written') || (WRITES.test(line) && REFUSES.test(line));

/** Which refusal a line tells of. */
export function refusalIn(line: string): WriteRefusal {
  if (/AccessDenied|UnrecognizedClient|ExpiredToken/.test(line)) return 'access-denied';
  if (/ValidationException/.test(line) && /key/i.test(line)) return 'missing-key';
  if (/ResourceNotFoundException/.test(line)) return 'table-missing';
  if (/ProvisionedThroughputExceeded|ThrottlingException|RequestLimitExceeded/.test(line)) return 'throttled';
  return 'other';
}
