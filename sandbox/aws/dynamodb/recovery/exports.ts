import { createHash, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import { withoutMarks } from '../plain-names.ts';
import { type Item, modelError, validationError } from '../store.ts';

const inputSchema = z.looseObject({
  TableArn: z.string().min(1).max(1024),
  S3Bucket: z
    .string()
    .max(255)
    .regex(/^[a-z0-9A-Z]+[.\-\w]*[a-z0-9A-Z]+$/),
  S3Prefix: z.string().max(1024).optional(),
  ClientToken: z
    .string()
    .regex(/^[^$]+$/)
    .optional(),
  ExportTime: z.number().optional(),
  ExportFormat: z.enum(['DYNAMODB_JSON', 'ION']).default('DYNAMODB_JSON'),
  ExportType: z.enum(['FULL_EXPORT', 'INCREMENTAL_EXPORT']).default('FULL_EXPORT'),
});
type Input = z.infer<typeof inputSchema>;
const namedSchema = z.looseObject({ ExportArn: z.string().optional(), TableArn: z.string().optional() });

const OPERATIONS = ['ExportTableToPointInTime', 'DescribeExport', 'ListExports'] as const;
type ExportOperation = (typeof OPERATIONS)[number];
export const isExportOperation = (name: string): name is ExportOperation => OPERATIONS.some((one) => one === name);

/** Writes an object. @throws an Error with the name `NoSuchBucket` or `AccessDenied`. */
export type PutObject = (bucket: string, key: string, body: Uint8Array) => Promise<void>;

export interface ExportPorts {
  readonly now: () => number;
  /** How long an export stays IN_PROGRESS, ms. */
  readonly exportMs: number;
  /** Without it there are no exports. */
  readonly putObject: PutObject | undefined;
  /** The table with this ARN, or undefined. */
  readonly describe: (arn: string) => Promise<{ readonly TableName: string; readonly TableId: string } | undefined>;
  /** From when on the table can be restored, ms; undefined while point-in-time recovery is off. */
  readonly recoverableSince: (table: string) => number | undefined;
  /** All items at one moment. */
  readonly snapshot: (table: string) => Promise<readonly Item[]>;
  readonly hashKey: (table: string) => Promise<string>;
}

interface Export {
  readonly arn: string;
  readonly id: string;
  readonly input: Input;
  readonly token: string;
  readonly tableId: string;
  /** ms. */
  readonly startedAt: number;
  readonly exportTime: number;
  readonly files: readonly (readonly Item[])[];
  result: 'IN_PROGRESS' | 'COMPLETED' | { readonly code: string; readonly message: string };
  writing?: Promise<void>;
}

/** DynamoDB remembers the token of an export for 8 hours. */
const TOKEN_VALID_MS = 8 * 60 * 60_000;
/** An export has a file for each partition of the table, also for those that are empty. */
const PARTITIONS = 4;

/**
 * ExportTableToPointInTime, DescribeExport and ListExports. An export holds the table as it was when it was asked for, and its
 * files are written when it is first looked at after `exportMs`. Times before that, ION and incremental exports are refused.
 */
export function createExports(ports: ExportPorts) {
  const { now } = ports;
  const exports: Export[] = [];

  async function start(input: Input): Promise<Export> {
    const table = await ports.describe(input.TableArn);
    if (!table) throw modelError('TableNotFoundException', `Table not found: ${input.TableArn}`);
    const earlier = exports.find(
      ({ token, startedAt }) => token === input.ClientToken && now() - startedAt < TOKEN_VALID_MS,
    );
    if (earlier) {
      if (JSON.stringify(earlier.input) === JSON.stringify(input)) return earlier;
      throw modelError('ExportConflictException', 'There was a conflict when writing to the specified S3 bucket.');
    }
    const since = ports.recoverableSince(table.TableName);
    if (since === undefined)
      throw modelError(
        'PointInTimeRecoveryUnavailableException',
        `Point in time recovery is not enabled for table '${table.TableName}'`,
      );
    const exportTime = input.ExportTime === undefined ? now() : input.ExportTime * 1_000;
    if (exportTime < since || exportTime > now())
      throw modelError(
        'InvalidExportTimeException',
        'The specified ExportTime is outside of the point in time recovery window.',
      );
    if (input.ExportTime !== undefined || input.ExportFormat === 'ION' || input.ExportType !== 'FULL_EXPORT')
      throw validationError('The local AWS exports only the whole table, as it is now, in DYNAMODB_JSON');
    const id = `${String(Math.floor(now())).padStart(14, '0')}-${randomBytes(4).toString('hex')}`;
    const hashKey = await ports.hashKey(table.TableName);
    const files: Item[][] = Array.from({ length: PARTITIONS }, () => []);
    for (const item of await ports.snapshot(table.TableName)) files[partitionOf(item, hashKey)]?.push(item);
    const started: Export = {
      arn: `${input.TableArn}/export/${id}`,
      id,
      input,
      token: input.ClientToken ?? randomBytes(16).toString('hex'),
      tableId: table.TableId,
      startedAt: now(),
      exportTime,
      files,
      result: 'IN_PROGRESS',
    };
    exports.push(started);
    await put(started, '_started', new Uint8Array()).catch(() => {});
    return started;
  }

  const put = async ({ input, id }: Export, name: string, body: Uint8Array): Promise<string> => {
    const prefix = input.S3Prefix === undefined || input.S3Prefix === '' ? '' : `${input.S3Prefix}/`;
    const key = `${prefix}AWSDynamoDB/${id}/${name}`;
    await ports.putObject?.(input.S3Bucket, key, body);
    return key;
  };

  /** Writes the files of an export whose time has come. */
  async function settle(one: Export): Promise<void> {
    if (one.result !== 'IN_PROGRESS' || now() - one.startedAt < ports.exportMs) return;
    one.writing ??= writeFiles(one).then(
      () => {
        one.result = 'COMPLETED';
      },
      (error: unknown) => {
        const name = error instanceof Error ? error.name : 'InternalServerError';
        one.result = { code: `S3${name}`, message: error instanceof Error ? error.message : String(error) };
      },
    );
    await one.writing;
  }

  async function writeFiles(one: Export): Promise<void> {
    let list = '';
    for (const items of one.files) {
      const text = items.map((item) => `${withoutMarks(JSON.stringify({ Item: item }))}\n`).join('');
      const body = gzipSync(text);
      const dataFileS3Key = await put(one, `data/${dataFileName()}.json.gz`, body);
      const md5 = createHash('md5').update(body).digest();
      const line = {
        itemCount: items.length,
        md5Checksum: md5.toString('base64'),
        etag: md5.toString('hex'),
        dataFileS3Key,
      };
      list += `${JSON.stringify(line)}\n`;
    }
    const filesKey = await putWithChecksum(one, 'manifest-files', list);
    const summary = {
      version: '2020-06-30',
      exportArn: one.arn,
      startTime: new Date(one.startedAt).toISOString(),
      endTime: new Date(now()).toISOString(),
      tableArn: one.input.TableArn,
      tableId: one.tableId,
      exportTime: new Date(one.exportTime).toISOString(),
      s3Bucket: one.input.S3Bucket,
      s3Prefix: one.input.S3Prefix ?? null,
      s3SseAlgorithm: 'AES256',
      s3SseKmsKeyId: null,
      manifestFilesS3Key: filesKey,
      billedSizeBytes: sizeOf(one),
      itemCount: countOf(one),
      outputFormat: 'DYNAMODB_JSON',
      exportType: 'FULL_EXPORT',
    };
    await putWithChecksum(one, 'manifest-summary', JSON.stringify(summary));
  }

  async function putWithChecksum(one: Export, name: string, text: string): Promise<string> {
    const key = await put(one, `${name}.json`, Buffer.from(text));
    await put(one, `${name}.checksum`, Buffer.from(createHash('md5').update(text).digest('base64')));
    return key;
  }

  const statusOf = ({ result }: Export) => (typeof result === 'string' ? result : 'FAILED');
  const description = (one: Export) => ({
    ExportArn: one.arn,
    ExportStatus: statusOf(one),
    StartTime: one.startedAt / 1_000,
    TableArn: one.input.TableArn,
    TableId: one.tableId,
    ExportTime: one.exportTime / 1_000,
    ClientToken: one.token,
    S3Bucket: one.input.S3Bucket,
    ...(one.input.S3Prefix !== undefined && { S3Prefix: one.input.S3Prefix }),
    S3SseAlgorithm: 'AES256',
    ExportFormat: 'DYNAMODB_JSON',
    ExportType: 'FULL_EXPORT',
    ...(one.result === 'COMPLETED' && {
      EndTime: (one.startedAt + ports.exportMs) / 1_000,
      ExportManifest: `${one.input.S3Prefix ? `${one.input.S3Prefix}/` : ''}AWSDynamoDB/${one.id}/manifest-summary.json`,
      BilledSizeBytes: sizeOf(one),
      ItemCount: countOf(one),
    }),
    ...(typeof one.result === 'object' && { FailureCode: one.result.code, FailureMessage: one.result.message }),
  });

  return {
    isAvailable: ports.putObject !== undefined,
    async answer(operation: ExportOperation, input: unknown): Promise<object> {
      if (operation === 'ExportTableToPointInTime') {
        const parsed = inputSchema.safeParse(input);
        if (!parsed.success)
          throw validationError(`1 validation error detected: ${parsed.error.issues[0]?.path.join('.')} is not valid`);
        return { ExportDescription: description(await start(parsed.data)) };
      }
      const { ExportArn, TableArn } = namedSchema.parse(input);
      for (const one of exports) await settle(one);
      if (operation === 'ListExports')
        return {
          ExportSummaries: exports
            .filter((one) => TableArn === undefined || one.input.TableArn === TableArn)
            .map((one) => ({ ExportArn: one.arn, ExportStatus: statusOf(one), ExportType: 'FULL_EXPORT' })),
        };
      const found = exports.find(({ arn }) => arn === ExportArn);
      if (!found) throw modelError('ExportNotFoundException', `Export not found: ${ExportArn}`);
      return { ExportDescription: description(found) };
    },
  };
}

const countOf = ({ files }: Export): number => files.reduce((sum, items) => sum + items.length, 0);
const sizeOf = ({ files }: Export): number => files.flat().reduce((sum, item) => sum + JSON.stringify(item).length, 0);

const partitionOf = (item: Item, hashKey: string): number =>
  createHash('md5').update(JSON.stringify(item[hashKey])).digest().readUInt32BE() % PARTITIONS;

/** 26 letters and digits, as DynamoDB names its data files. */
const dataFileName = (): string => [...randomBytes(26)].map((byte) => (byte % 32).toString(32)).join('');
