import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { FaultError } from '../../pipeline/fault.ts';
import type { Fault, Invocation } from '../../pipeline/invoke/invocation.ts';
import type { FailureRecordView, LoggingResult, WriteRefusal } from '../contracts/step-control.ts';
import type { PendingTests } from './pending-tests.ts';

/** The failure records of one image: the newest one, and a way to remove all of them. */
export interface FoundRecords extends FailureRecordView {
  /** Deletes every failure record of the image. There are two when two loggers wrote one each. */
  readonly remove: () => Promise<void>;
}

export interface LoggingTestPorts {
  readonly clock: Clock;
  /** Returns a different text for each test. */
  readonly uniqueName: () => string;
  readonly invoke: (imageKey: string) => Promise<Invocation>;
  /** Reads the failure records of this image by key, with consistent reads. */
  readonly findRecords: (imageKey: string) => Promise<FoundRecords | undefined>;
  /** Scans the whole table for them, for loggers that use an unknown key. Called once per test. */
  readonly searchRecords: (imageKey: string) => Promise<FoundRecords | undefined>;
  /** The lines that the function logged during an invocation. Throws when the log cannot be read. */
  readonly readLog: (about: { requestId?: string; imageKey: string; from: number }) => Promise<InvocationLines>;
  readonly readFault: (error: unknown) => Fault;
  /** Stores the test until its failure record is known to be gone. */
  readonly pendingTests: Pick<PendingTests, 'add' | 'remove'>;
}

/** What the log contains of one invocation so far. */
export interface InvocationLines {
  readonly group: string;
  readonly lines: readonly string[];
  /** The REPORT line of the invocation was read, so no more lines follow. */
  readonly isWhole: boolean;
}

const SEARCH_MS = 15_000;
const SEARCH_EVERY_MS = 500;
/** CloudWatch delivers lines some seconds after they were written. */
const READ_LOG_MS = 10_000;

/** A name for a test, made of the time and an id: it sorts by time and is never used twice. */
export const testName = (now: number, id: string): string =>
  `${new Date(now).toISOString().replace(/[^0-9]/g, '')}-${id.slice(0, 8)}`;

/**
 * Invokes the function with a key that does not exist, and looks by key for the record of that failure, for 15 s. (The
 * runbook, step 5, compares counts of all records, which proves nothing while other records change.) A record that is
 * found is removed.
 * @throws FaultError when the function cannot be invoked or the table cannot be read.
 */
export async function testLogging(ports: LoggingTestPorts): Promise<LoggingResult> {
  const { clock } = ports;
  const imageKey = `INVALID_IMAGE-${ports.uniqueName()}.png`;
  const from = clock.now();
  // Stored first: if the process stops from here on, another one removes the record.
  await ports.pendingTests.add({ imageKey, at: from });
  const { result, requestId } = await ports.invoke(imageKey);
  switch (result.kind) {
    case 'fault':
      throw new FaultError(result.fault);
    case 'throttled':
    case 'broken':
      return { kind: 'no-answer', imageKey, message: result.message };
    case 'suspected':
      // Without the permission to list the bucket S3 denies access to a key that does not exist: that is a failure.
      if (result.failure === undefined) throw new FaultError(result.fault);
      break;
    case 'outcome':
  }
  const outcome = result.kind === 'outcome' ? result.outcome : result.failure;
  if (outcome?.kind !== 'failed')
    return { kind: 'did-not-fail', imageKey, reply: outcome?.kind === 'rejected' ? outcome.reason : 'processed' };
  const failure = `${outcome.failureType} · ${outcome.message}`;
  const repliedAt = clock.now();
  const about = defined({ imageKey, from, requestId });
  const found = (await waitForRecords(ports, about, repliedAt + SEARCH_MS)) ?? (await ports.searchRecords(imageKey));
  return found
    ? removeRecords(ports, imageKey, found, Math.round(clock.now() - repliedAt))
    : findCause(ports, about, failure);
}

interface TestedInvocation {
  readonly imageKey: string;
  /** When the test began, epoch ms. */
  readonly from: number;
  readonly requestId?: string;
}

async function waitForRecords(
  ports: LoggingTestPorts,
  about: TestedInvocation,
  until: number,
): Promise<FoundRecords | undefined> {
  for (;;) {
    const records = await ports.findRecords(about.imageKey);
    if (records || ports.clock.now() >= until) return records;
    // A logger that logged its own failure writes no record, so there is nothing to wait for.
    const lines = await ports.readLog(about).then(
      (log) => log.lines,
      () => [],
    );
    if (refusalLine(lines) !== undefined) return;
    await ports.clock.sleep(SEARCH_EVERY_MS);
  }
}

async function removeRecords(
  { pendingTests, readFault }: LoggingTestPorts,
  imageKey: string,
  { key, attributes, remove }: FoundRecords,
  afterMs: number,
): Promise<LoggingResult> {
  const proven = { kind: 'proven', imageKey, record: { key, attributes }, afterMs } as const;
  try {
    await remove();
    await pendingTests.remove(imageKey);
    return proven;
  } catch (error) {
    return { ...proven, leftBecause: readFault(error).message };
  }
}

/** Why there is no record, by the log of the function. */
async function findCause(ports: LoggingTestPorts, about: TestedInvocation, failure: string): Promise<LoggingResult> {
  const { imageKey } = about;
  try {
    const { group, lines, isWhole } = await readWholeLog(ports, about);
    const line = refusalLine(lines);
    if (line !== undefined) return { kind: 'write-refused', imageKey, failure, line, refusal: refusalIn(line) };
    const written = lines.find((candidate) => candidate.includes(WRITTEN));
    if (written !== undefined) return { kind: 'written-elsewhere', imageKey, failure, line: written };
    return isWhole ? { kind: 'nothing-logged', imageKey, failure } : { kind: 'log-silent', imageKey, failure, group };
  } catch (error) {
    return { kind: 'log-unread', imageKey, failure, fault: ports.readFault(error) };
  }
}

async function readWholeLog({ clock, readLog }: LoggingTestPorts, about: TestedInvocation): Promise<InvocationLines> {
  const until = clock.now() + READ_LOG_MS;
  for (;;) {
    const log = await readLog(about);
    if (log.isWhole || refusalLine(log.lines) !== undefined || clock.now() >= until) return log;
    await clock.sleep(SEARCH_EVERY_MS * 2);
  }
}

const NOT_WRITTEN = 'RESCAN_FAILURE_LOGGING not written';
const WRITTEN = 'RESCAN_FAILURE_LOGGING written';
const WRITES = /\b(PutItem|UpdateItem|BatchWriteItem|TransactWriteItems)\b/;
const REFUSES =
  /ValidationException|AccessDenied|ResourceNotFoundException|ProvisionedThroughputExceeded|ThrottlingException|RequestLimitExceeded|UnrecognizedClient|ExpiredToken|ConditionalCheckFailed|ItemCollectionSizeLimit/;

/**
 * Messages of the pipeline's own logger and of others: `Could not save failed image record`, `Could not log failure`.
 */
const REPORTS_FAILURE =
  /\b(?:could not|cannot|can't|unable to|failed to) (?:log|save|store|write|record|put)\b.*\bfail/i;

/** Whether a line says that a record was not written: a message of our module, of boto3, or of another logger. */
export const isWriteRefusal = (line: string): boolean =>
  line.includes(NOT_WRITTEN) || (WRITES.test(line) && REFUSES.test(line)) || REPORTS_FAILURE.test(line);

/**
 * The line that says why there is no record. When our module wraps another logger, only the line of our module counts.
 */
const refusalLine = (lines: readonly string[]): string | undefined =>
  lines.find((line) => line.includes(NOT_WRITTEN)) ??
  (lines.some((line) => line.includes(WRITTEN)) ? undefined : lines.find(isWriteRefusal));

/** The kind of refusal that a line reports. */
export function refusalIn(line: string): WriteRefusal {
  if (/AccessDenied|UnrecognizedClient|ExpiredToken/.test(line)) return 'access-denied';
  if (/ValidationException/.test(line) && /key/i.test(line)) return 'missing-key';
  if (/ResourceNotFoundException/.test(line)) return 'table-missing';
  if (/ProvisionedThroughputExceeded|ThrottlingException|RequestLimitExceeded/.test(line)) return 'throttled';
  if (/Time(?:d )?-?out|EndpointConnectionError|ConnectionClosed|Could not connect to the endpoint/i.test(line))
    return 'unreachable';
  return 'other';
}
