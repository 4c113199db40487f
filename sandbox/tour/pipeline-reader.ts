import { isDeepStrictEqual } from 'node:util';
import { gunzipSync } from 'node:zlib';
import {
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { OBSERVER } from '../aws/callers.ts';

/** Reads the real state without the bot: the table, the image bucket, and the files of a backup. */

const TABLE = 'TimesheetOCR-dev';
const IMAGES = 'timesheetocr-input-dev-016164185850';
const CONTROL = 'rescan-bot-control';
const BACKUPS = 'backups/AWSDynamoDB/';
/** Objects of the bucket that are not images to process. */
const NO_IMAGE = /^(?:quicksight-data|dictionaries)\/|(?<!\.png|\.jpe?g)$/i;

const itemSchema = z.record(z.string(), z.record(z.string(), z.unknown()));
const functionSchema = z.looseObject({ handler: z.string() });
const lineSchema = z.object({ Item: itemSchema });
export type StoredItem = z.infer<typeof itemSchema>;

/** A correction made by hand before the rescan. No image can rebuild it. */
export const BY_HAND = {
  ResourceName: { S: 'Nik_Coultas' },
  DateProjectCode: { S: '2025-07-07#BY_HAND' },
  Hours: { N: '7.5' },
} as const;

export interface PipelineReader {
  putByHand(): Promise<void>;
  /** The hand-made correction as it is in the table now. */
  byHand(): Promise<StoredItem | undefined>;
  countTable(): Promise<number>;
  /** Every record of the table. */
  records(): Promise<readonly StoredItem[]>;
  /** Changes the hours of a record and nothing else, as the import of a corrected sheet does. */
  correctHours(item: StoredItem, hours: string): Promise<void>;
  /** The keys of the images in the bucket. */
  imageKeys(): Promise<ReadonlySet<string>>;
  /** The number of objects below the prefix of backups. */
  countBackupObjects(): Promise<number>;
  /** The ids of all backups. */
  backupIds(): Promise<readonly string[]>;
  /** The handler of the function. */
  handler(): Promise<string>;
  /** The number of records in the data files of a backup. */
  countBackup(backupId: string): Promise<number>;
  /** Whether the table has exactly the records of a backup and its supplements, field by field. */
  tableEquals(backupId: string): Promise<boolean>;
  /** The images with rows that were stored since then, epoch ms. */
  imagesStoredSince(at: number): Promise<ReadonlySet<string>>;
  close(): void;
}

export function createPipelineReader(endpoint: string): PipelineReader {
  const options = {
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: OBSERVER, secretAccessKey: OBSERVER },
  };
  const dynamodb = new DynamoDBClient(options);
  const s3 = new S3Client({ ...options, forcePathStyle: true });

  async function keysIn(bucket: string, prefix?: string): Promise<string[]> {
    const keys: string[] = [];
    let from: string | undefined;
    do {
      const page = await s3.send(
        new ListObjectsV2Command({
          Bucket: bucket,
          ...(prefix === undefined ? {} : { Prefix: prefix }),
          ...(from === undefined ? {} : { ContinuationToken: from }),
        }),
      );
      keys.push(...(page.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key])));
      from = page.NextContinuationToken;
    } while (from !== undefined);
    return keys;
  }
  async function scan(): Promise<StoredItem[]> {
    const items: StoredItem[] = [];
    let from: z.infer<typeof itemSchema> | undefined;
    do {
      const page = z
        .looseObject({ Items: z.array(itemSchema).default([]), LastEvaluatedKey: itemSchema.optional() })
        .parse(
          await dynamodb.send(
            new ScanCommand({
              TableName: TABLE,
              ConsistentRead: true,
              ...(from === undefined ? {} : { ExclusiveStartKey: keyOf(from) }),
            }),
          ),
        );
      items.push(...page.Items);
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
    return items;
  }
  async function itemsIn(backupId: string, part: 'data' | 'supplement'): Promise<StoredItem[]> {
    const files = (await keysIn(CONTROL, `${BACKUPS}${backupId}/${part}/`)).filter((key) => key.endsWith('.json.gz'));
    const items: StoredItem[] = [];
    for (const Key of files) {
      const object = await s3.send(new GetObjectCommand({ Bucket: CONTROL, Key }));
      const text = gunzipSync((await object.Body?.transformToByteArray()) ?? new Uint8Array()).toString('utf8');
      for (const line of text.split('\n')) if (line !== '') items.push(lineSchema.parse(JSON.parse(line)).Item);
    }
    return items;
  }

  return {
    async putByHand() {
      await dynamodb.send(new PutItemCommand({ TableName: TABLE, Item: BY_HAND }));
    },
    async byHand() {
      const { ResourceName, DateProjectCode } = BY_HAND;
      const found = await dynamodb.send(
        new GetItemCommand({ TableName: TABLE, Key: { ResourceName, DateProjectCode }, ConsistentRead: true }),
      );
      return found.Item === undefined ? undefined : itemSchema.parse(found.Item);
    },
    countTable: async () => (await scan()).length,
    records: scan,
    async correctHours(item, hours) {
      await dynamodb.send(
        new UpdateItemCommand({
          TableName: TABLE,
          Key: keyOf(item),
          UpdateExpression: 'SET Hours = :hours',
          ExpressionAttributeValues: { ':hours': { N: hours } },
        }),
      );
    },
    imageKeys: async () => new Set((await keysIn(IMAGES)).filter((key) => !NO_IMAGE.test(key))),
    countBackupObjects: async () => (await keysIn(CONTROL, BACKUPS)).length,
    backupIds: async () => [
      ...new Set((await keysIn(CONTROL, BACKUPS)).map((key) => key.slice(BACKUPS.length).split('/')[0] ?? '')),
    ],
    handler: async () => functionSchema.parse(await (await fetch(`${endpoint}/sandbox/function`)).json()).handler,
    countBackup: async (backupId) => (await itemsIn(backupId, 'data')).length,
    async tableEquals(backupId) {
      const expected = byKey([...(await itemsIn(backupId, 'data')), ...(await itemsIn(backupId, 'supplement'))]);
      return isDeepStrictEqual(byKey(await scan()), expected);
    },
    imagesStoredSince: async (at) =>
      new Set(
        (await scan())
          .filter(({ ProcessingTimestamp, Rejected }) => !Rejected && Date.parse(String(ProcessingTimestamp?.S)) >= at)
          .map(({ SourceImage }) => String(SourceImage?.S)),
      ),
    close() {
      dynamodb.destroy();
      s3.destroy();
    },
  };
}

const keyOf = ({ ResourceName, DateProjectCode }: StoredItem) => ({
  ResourceName: { S: String(ResourceName?.S) },
  DateProjectCode: { S: String(DateProjectCode?.S) },
});

/** Items by key. Of several items with one key the last one counts; the members of a set have no order. */
function byKey(items: readonly StoredItem[]): ReadonlyMap<string, unknown> {
  const ordered = (value: unknown) => (Array.isArray(value) ? [...value].sort() : value);
  return new Map(
    items.map((item) => [
      JSON.stringify(keyOf(item)),
      Object.fromEntries(
        Object.entries(item).map(([name, value]) => [
          name,
          Object.fromEntries(Object.entries(value).map(([type, inner]) => [type, ordered(inner)])),
        ]),
      ),
    ]),
  );
}
