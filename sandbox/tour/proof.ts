import { isDeepStrictEqual } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { DynamoDBClient, GetItemCommand, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';

/** What is really there, looked at past the bot: in the table, in the bucket of images, in the files of a backup. */

const TABLE = 'TimesheetOCR-dev';
const IMAGES = 'timesheetocr-input-dev-016164185850';
const CONTROL = 'rescan-bot-control';
const BACKUPS = 'backups/AWSDynamoDB/';
/** What the bucket holds beside images to process. */
const NO_IMAGE = /^(?:quicksight-data|dictionaries)\/|(?<!\.png|\.jpe?g)$/i;

const itemSchema = z.record(z.string(), z.record(z.string(), z.unknown()));
const lineSchema = z.object({ Item: itemSchema });
export type ProvenItem = z.infer<typeof itemSchema>;

/** A correction made by hand before the rescan: no image brings it back. */
export const BY_HAND = {
  ResourceName: { S: 'Nik_Coultas' },
  DateProjectCode: { S: '2025-07-07#BY_HAND' },
  Hours: { N: '7.5' },
} as const;

export interface Proof {
  putByHand(): Promise<void>;
  /** The hand-made correction as the table has it just now. */
  byHand(): Promise<ProvenItem | undefined>;
  countTable(): Promise<number>;
  /** The keys of the images in the bucket. */
  imageKeys(): Promise<ReadonlySet<string>>;
  /** How many objects lie in the bucket of backups. */
  countBackupObjects(): Promise<number>;
  /** Records in the data files of a backup. */
  countBackup(backupId: string): Promise<number>;
  /** Whether the table holds exactly what a backup and its supplements hold, record by record, field by field. */
  tableEquals(backupId: string): Promise<boolean>;
  close(): void;
}

export function createProof(endpoint: string): Proof {
  const options = {
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' },
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
  async function scan(): Promise<ProvenItem[]> {
    const items: ProvenItem[] = [];
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
  async function itemsIn(backupId: string, part: 'data' | 'supplement'): Promise<ProvenItem[]> {
    const files = (await keysIn(CONTROL, `${BACKUPS}${backupId}/${part}/`)).filter((key) => key.endsWith('.json.gz'));
    const items: ProvenItem[] = [];
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
    imageKeys: async () => new Set((await keysIn(IMAGES)).filter((key) => !NO_IMAGE.test(key))),
    countBackupObjects: async () => (await keysIn(CONTROL, BACKUPS)).length,
    countBackup: async (backupId) => (await itemsIn(backupId, 'data')).length,
    async tableEquals(backupId) {
      const expected = byKey([...(await itemsIn(backupId, 'data')), ...(await itemsIn(backupId, 'supplement'))]);
      return isDeepStrictEqual(byKey(await scan()), expected);
    },
    close() {
      dynamodb.destroy();
      s3.destroy();
    },
  };
}

const keyOf = ({ ResourceName, DateProjectCode }: ProvenItem) => ({
  ResourceName: { S: String(ResourceName?.S) },
  DateProjectCode: { S: String(DateProjectCode?.S) },
});

/** Of several items of one key the last one counts; a set's members have no order. */
function byKey(items: readonly ProvenItem[]): ReadonlyMap<string, unknown> {
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
