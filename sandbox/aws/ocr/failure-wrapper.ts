import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { FunctionRevision } from '../lambda/function-state.ts';
import type { FunctionTable } from '../lambda/function-table.ts';
import { failureTypeOf } from './failure-logger.ts';
import type { FunctionReply } from './ocr.ts';
import { asPython } from './python-error.ts';
import type { Item } from './timesheet.ts';

const HANDLER = 'rescan_failure_logging.handler';
const MODULE = 'rescan_failure_logging.py';
/** The modules that the wrapper loads at its first failure. A package without them logs nothing. */
const RECORD_MODULE = 'rescan_failure_record.py';
const MOST_IMAGE_KEY_BYTES = 900;
const PUT_TRIES = 5;

const keySchema = z.object({
  partition: z.object({ name: z.string(), type: z.literal('S') }),
  sort: z.object({ name: z.string(), type: z.enum(['S', 'N']) }).optional(),
});
const namingSchema = z.object({
  mark: z.string().default('FAILED_IMAGE'),
  names: z.record(z.string(), z.string()).default({}),
});
type Naming = z.infer<typeof namingSchema>;
const replySchema = z.looseObject({ statusCode: z.number(), body: z.string().default('{}') });
const bodySchema = z.looseObject({
  error: z.string().default(''),
  error_type: z.string().default('unknown'),
  stack_trace: z.string().default(''),
  processing_time_seconds: z.number().default(0),
});
const crashSchema = z.looseObject({
  errorType: z.string().default('unknown'),
  errorMessage: z.string().default(''),
  stackTrace: z.array(z.string()).default([]),
});

interface Failure {
  readonly type: string;
  readonly message: string;
  readonly trace: string;
  readonly seconds: number;
}

/** Whether the failure logging module is deployed and set as the handler. */
export const isWrapped = ({ handler, content }: FunctionRevision): boolean =>
  handler === HANDLER && content.text(MODULE) !== undefined;

/** The handler that processes the image: the one that failure logging calls, or the function's own. */
export const workingHandler = (revision: FunctionRevision): string =>
  isWrapped(revision)
    ? (revision.environment.RESCAN_FORMER_HANDLER ?? 'lambda_function.lambda_handler')
    : revision.handler;

/** The attribute of an event that asks whether the module can be loaded. */
const CHECK = 'rescanBotCheck';

/** The answer of the module itself to an event with `rescanBotCheck`; undefined for every other event and older modules. */
export function answerCheck(event: unknown, revision: FunctionRevision): FunctionReply | undefined {
  if (!isWrapped(revision) || !revision.content.text(MODULE)?.includes(CHECK)) return;
  if (typeof event !== 'object' || event === null || !Object.hasOwn(event, CHECK)) return;
  const payload = { [CHECK]: Reflect.get(event, CHECK), formerHandler: workingHandler(revision) };
  return { payload: JSON.stringify(payload), kind: 'check' };
}

export interface WrapperPorts {
  readonly revision: FunctionRevision;
  readonly table: FunctionTable;
  readonly now: () => number;
  readonly bucket: string;
  readonly logStream: string;
  readonly durationSeconds: number;
  /** Size of the image in bytes, or undefined when S3 does not return it. */
  readonly imageBytes: () => Promise<number | undefined>;
  /** Prints a whole line to the log. */
  readonly print: (line: string) => void;
}

/**
 * What the deployed failure logging module does after the previous handler returned or raised: it writes a FAILED_IMAGE
 * record with the real key of the table, and one log line. A runtime that was killed cannot write.
 */
export async function logWrappedFailure(key: string, reply: FunctionReply, ports: WrapperPorts): Promise<void> {
  const failure = failureOf(reply, ports.durationSeconds);
  if (!failure) return;
  const { environment } = ports.revision;
  const image = environment.RESCAN_KEY_ENCODING === 'url' ? decoded(key) : key;
  if (ports.revision.content.text(RECORD_MODULE) === undefined)
    return ports.print('RESCAN_FAILURE_LOGGING not written: image=null error=ModuleNotFoundError');
  try {
    const tableName = environment.RESCAN_TABLE;
    if (!tableName) throw named('KeyError', "'RESCAN_TABLE'");
    const tableKey = tableKeyOf(environment.RESCAN_TABLE_KEY);
    const naming = namingSchema.parse(parsed(environment.RESCAN_FAILURE_NAMES ?? '{}'));
    const written = await putRecord(image, failure, tableName, tableKey, naming, ports);
    ports.print(`RESCAN_FAILURE_LOGGING written: image=${JSON.stringify(image)} key=${JSON.stringify(written)}`);
  } catch (error) {
    const { type, message } = asPython(error);
    const said = message.replace(/\s+/g, ' ').slice(0, 500);
    ports.print(`RESCAN_FAILURE_LOGGING not written: image=${JSON.stringify(image)} error=${type}: ${said}`);
  }
}

/** Decodes a key of an encoded event. A key that is not encoded stays unchanged. */
function decoded(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return key;
  }
}

function failureOf(reply: FunctionReply, seconds: number): Failure | undefined {
  if (reply.killed) return;
  if (reply.functionError !== undefined) {
    const crash = crashSchema.parse(JSON.parse(reply.payload));
    return { type: crash.errorType, message: crash.errorMessage, trace: crash.stackTrace.join(''), seconds };
  }
  const answered = replySchema.safeParse(parsed(reply.payload));
  if (!answered.success || answered.data.statusCode < 400) return;
  const body = bodySchema.parse(parsed(answered.data.body) ?? {});
  return {
    type: body.error_type,
    message: body.error,
    trace: body.stack_trace,
    seconds: body.processing_time_seconds || seconds,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function named(name: string, message: string): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}

function tableKeyOf(text: string | undefined): z.infer<typeof keySchema> {
  if (!text) throw named('KeyError', "'RESCAN_TABLE_KEY'");
  const key = keySchema.safeParse(parsed(text));
  if (key.success) return key.data;
  throw named('ValueError', `RESCAN_TABLE_KEY is no key of this table: ${key.error.issues[0]?.message}`);
}

/** Writes the record under a free key and returns the key. */
async function putRecord(
  image: string,
  failure: Failure,
  tableName: string,
  { partition, sort }: z.infer<typeof keySchema>,
  naming: Naming,
  ports: WrapperPorts,
): Promise<Item> {
  const imagePart =
    Buffer.byteLength(image) > MOST_IMAGE_KEY_BYTES
      ? `sha256:${createHash('sha256').update(image).digest('hex')}`
      : image;
  const imageBytes = await ports.imageBytes();
  const attempt = sort ? await attemptOf(image, imagePart, tableName, partition.name, sort, naming, ports.table) : 1;
  for (let tries = 0; ; tries++) {
    const stamp = new Date(ports.now() + tries).toISOString();
    const key: Item = sort
      ? { [partition.name]: { S: naming.mark }, [sort.name]: sortValue(sort.type, imagePart, stamp) }
      : { [partition.name]: { S: `${naming.mark}#${imagePart}#${tries + 1}` } };
    try {
      await ports.table.put(
        tableName,
        {
          ...key,
          ...renamed(
            {
              ...attributesOf(image, failure, stamp, attempt, ports),
              RecordType: { S: naming.mark },
              ...(imageBytes === undefined ? {} : { ImageSize: { N: String(imageBytes) } }),
            },
            naming,
          ),
        },
        partition.name,
      );
      return key;
    } catch (error) {
      const taken = error instanceof Error && error.name === 'ConditionalCheckFailedException';
      if (!taken || tries >= PUT_TRIES) throw error;
    }
  }
}

const renamed = (item: Item, { names }: Naming): Item =>
  Object.fromEntries(Object.entries(item).map(([name, value]) => [names[name] ?? name, value]));

/** A numeric sort key is a number for the image, followed by 17 digits for the time in microseconds. */
const TIMES = 10n ** 17n;
const firstOf = (imagePart: string): bigint =>
  BigInt(`0x${createHash('sha256').update(imagePart).digest('hex').slice(0, 12)}`) * TIMES;
const sortValue = (type: 'S' | 'N', imagePart: string, stamp: string): Item[string] =>
  type === 'S'
    ? { S: `${imagePart}#${stamp}` }
    : { N: String(firstOf(imagePart) + BigInt(Date.parse(stamp)) * 1_000n) };

/** The number of this attempt, or undefined when the earlier records cannot be counted. */
async function attemptOf(
  image: string,
  imagePart: string,
  tableName: string,
  partition: string,
  sort: { readonly name: string; readonly type: 'S' | 'N' },
  { mark, names }: Naming,
  table: FunctionTable,
): Promise<number | undefined> {
  try {
    const earlier = await table.count({
      TableName: tableName,
      ConsistentRead: true,
      KeyConditionExpression: `#partition = :partition AND ${sort.type === 'N' ? '#sort BETWEEN :from AND :to' : 'begins_with(#sort, :image)'}`,
      FilterExpression: '#image = :key',
      ExpressionAttributeNames: {
        '#partition': partition,
        '#sort': sort.name,
        '#image': names.ImageKey ?? 'ImageKey',
      },
      ExpressionAttributeValues: {
        ':partition': { S: mark },
        ...(sort.type === 'N'
          ? { ':from': { N: String(firstOf(imagePart)) }, ':to': { N: String(firstOf(imagePart) + TIMES - 1n) } }
          : { ':image': { S: `${imagePart}#` } }),
        ':key': { S: image },
      },
    });
    return earlier + 1;
  } catch {
    return undefined;
  }
}

function attributesOf(
  image: string,
  { type, message, trace, seconds }: Failure,
  stamp: string,
  attempt: number | undefined,
  { revision, bucket, logStream }: WrapperPorts,
): Item {
  const { ocr } = revision.content;
  return {
    ImageKey: { S: image },
    FailureTimestamp: { S: stamp },
    FailureType: { S: failureTypeOf(message) },
    ErrorMessage: { S: message.slice(0, 5_000) },
    ErrorCode: { S: type },
    OCRVersion: { S: ocr.version },
    OCRBuildDate: { S: ocr.buildDate },
    OCRDescription: { S: ocr.description },
    OCRFullVersion: { S: `${ocr.version}-${ocr.buildDate}` },
    ModelId: { S: revision.environment.MODEL_ID ?? revision.environment.RESCAN_MODEL_ID ?? '' },
    ProcessingTimeSeconds: { N: seconds.toFixed(3) },
    InputTokens: { N: '0' },
    OutputTokens: { N: '0' },
    RawOCROutput: { S: '' },
    ValidationErrors: { S: '' },
    S3Bucket: { S: bucket },
    S3Region: { S: 'us-east-1' },
    StackTrace: { S: trace.slice(0, 5_000) },
    CloudWatchLogStream: { S: logStream },
    AttemptNumber: { N: String(attempt ?? 1) },
    FailureId: { S: randomBytes(8).toString('hex') },
    ...(attempt === undefined ? { AttemptNumberUnknown: { BOOL: true } } : {}),
  };
}
