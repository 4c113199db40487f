import { z } from 'zod';
import { RequestError } from './tables.ts';

/**
 * A pipeline of any size that costs as little CPU and memory as possible: images, replies and records are calculated from the number
 * of the image. It keeps one byte and one time for each image. It knows the requests that a run and its results make.
 */

/** What the function does. */
export const functionSchema = z.strictObject({
  /** How long an invocation takes, ms. */
  latencyMs: z.number().min(0),
  /** The share of the images that fail, 0 to 1, spread evenly. */
  failing: z.number().min(0).max(1),
});
export type FunctionBehaviour = z.infer<typeof functionSchema>;

/** Images of one person: one for each week of a year. */
const WEEKS = 52;
const PAGE_RECORDS = 1_000;
const LIST_PAGE = 1_000;
const IMAGE_BYTES = 40_000;

const NONE = 0;
const ENTRY = 1;
const FAILED = 2;

const scanSchema = z.looseObject({
  Segment: z.number().default(0),
  TotalSegments: z.number().default(1),
  Select: z.string().optional(),
  FilterExpression: z.string().default(''),
  ExclusiveStartKey: z.looseObject({ DateProjectCode: z.object({ S: z.string() }) }).optional(),
});
const querySchema = z.looseObject({
  KeyConditionExpression: z.literal('#hash = :hash'),
  ExpressionAttributeValues: z.looseObject({ ':hash': z.object({ S: z.string() }) }),
});
const eventSchema = z.looseObject({
  Records: z.tuple([z.looseObject({ s3: z.looseObject({ object: z.looseObject({ key: z.string() }) }) })]),
});

const keyOf = (index: number): string => `2025/sheet-${String(index).padStart(8, '0')}.png`;
/** The number of the image; NaN where the key is not one of its keys. */
const numberOf = (key: string): number => Number(/^2025\/sheet-(\d{8})\.png$/.exec(key)?.[1] ?? Number.NaN);

export function createPipeline(about: { readonly table: string; readonly images: number; readonly now: () => number }) {
  const { table, images, now } = about;
  let behaviour: FunctionBehaviour = { latencyMs: 0, failing: 0 };
  const written = new Uint8Array(images);
  const writtenAt = new Float64Array(images);
  const people = Math.max(1, Math.ceil(images / WEEKS));
  let records = 0;
  /** The time of each invocation, on the monotonic clock of this process, ms. */
  let starts: number[] = [];
  let inFlight = 0;
  let highest = 0;
  let total = 0;

  const fails = (index: number): boolean =>
    Math.floor((index + 1) * behaviour.failing) !== Math.floor(index * behaviour.failing);

  function entryOf(index: number): string {
    const week = new Date(Date.UTC(2025, 0, 6) + Math.floor(index / people) * 7 * 86_400_000)
      .toISOString()
      .slice(0, 10);
    const at = new Date(writtenAt[index] ?? 0).toISOString();
    return `{"ResourceName":{"S":"Person_${index % people}"},"DateProjectCode":{"S":"${week}#PJ${index}"},"Date":{"S":"${week}"},"ProjectCode":{"S":"PJ${index}"},"Hours":{"N":"7.5"},"SourceImage":{"S":"${keyOf(index)}"},"ProcessingTimestamp":{"S":"${at}"},"IsZeroHourTimesheet":{"BOOL":false},"WeekStartDate":{"S":"${week}"}}`;
  }
  function failureOf(index: number): string {
    const at = new Date(writtenAt[index] ?? 0).toISOString();
    return `{"ResourceName":{"S":"FAILED_IMAGE"},"DateProjectCode":{"S":"${keyOf(index)}#${at}"},"RecordType":{"S":"FAILED_IMAGE"},"ImageKey":{"S":"${keyOf(index)}"},"FailureTimestamp":{"S":"${at}"},"FailureType":{"S":"TEXTRACT_ERROR"},"ErrorMessage":{"S":"Textract could not read the document ${index}"},"OCRFullVersion":{"S":"2.6.1-2025-11-21"},"ModelId":{"S":"us.amazon.nova-lite-v1:0"},"ProcessingTimeSeconds":{"N":"2.01"},"S3Bucket":{"S":"bucket"},"ImageSize":{"N":"${IMAGE_BYTES}"},"AttemptNumber":{"N":"1"},"CloudWatchLogStream":{"S":"2025/11/21/[1]0123456789abcdef"},"StackTrace":{"S":"Traceback (most recent call last):\\n  File \\"lambda_function.py\\", line 10"}}`;
  }
  const jsonOf = (index: number): string => (written[index] === FAILED ? failureOf(index) : entryOf(index));

  /** Which records a filter of the bot leaves: those of failed images, or all others. */
  function wantedBy(filter: string): (state: number) => boolean {
    if (filter === '') return (state) => state !== NONE;
    if (/^#k0 = :k0$/.test(filter)) return (state) => state === FAILED;
    if (/attribute_not_exists\(#k0\) OR #k0 <> :k0/.test(filter)) return (state) => state === ENTRY;
    throw new RequestError('ValidationException', `The stand-in does not know the filter ${filter}`);
  }

  const operations: Readonly<Record<string, (input: unknown) => string>> = {
    DescribeTable: () =>
      JSON.stringify({
        Table: {
          TableName: table,
          TableArn: `arn:aws:dynamodb:us-east-1:016164185850:table/${table}`,
          TableStatus: 'ACTIVE',
          BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
          KeySchema: [
            { AttributeName: 'ResourceName', KeyType: 'HASH' },
            { AttributeName: 'DateProjectCode', KeyType: 'RANGE' },
          ],
          AttributeDefinitions: ['ResourceName', 'DateProjectCode'].map((AttributeName) => ({
            AttributeName,
            AttributeType: 'S',
          })),
          ItemCount: records,
          TableSizeBytes: records * 400,
        },
      }),
    DescribeTimeToLive: () => '{"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}}',
    Scan(input) {
      const { Segment, TotalSegments, Select, FilterExpression, ExclusiveStartKey } = scanSchema.parse(input);
      const isWanted = wantedBy(FilterExpression);
      const end = Math.floor(((Segment + 1) * images) / TotalSegments);
      let index = ExclusiveStartKey
        ? Number(ExclusiveStartKey.DateProjectCode.S)
        : Math.floor((Segment * images) / TotalSegments);
      const items: string[] = [];
      const isCount = Select === 'COUNT';
      let count = 0;
      for (; index < end && (isCount || count < PAGE_RECORDS); index += 1) {
        if (!isWanted(written[index] ?? NONE)) continue;
        count += 1;
        if (!isCount) items.push(jsonOf(index));
      }
      const last =
        index < end ? `,"LastEvaluatedKey":{"ResourceName":{"S":"x"},"DateProjectCode":{"S":"${index}"}}` : '';
      return `{${isCount ? '' : `"Items":[${items.join(',')}],`}"Count":${count},"ScannedCount":${count}${last}}`;
    },
    Query(input) {
      const hash = querySchema.parse(input).ExpressionAttributeValues[':hash'].S;
      const person = Number(/^Person_(\d+)$/.exec(hash)?.[1] ?? images);
      const items: string[] = [];
      for (let index = person; index < images; index += people)
        if (written[index] === ENTRY) items.push(entryOf(index));
      return `{"Items":[${items.join(',')}],"Count":${items.length},"ScannedCount":${items.length}}`;
    },
  };

  return {
    set(change: FunctionBehaviour): void {
      behaviour = change;
    },
    /** What the function saw. */
    seen: () => ({ total, inFlight, highest, records }),
    /** When each invocation arrived, ms, on one clock. */
    starts: (): readonly number[] => starts,
    clear(): void {
      written.fill(NONE);
      records = 0;
      starts = [];
      highest = inFlight;
      total = 0;
    },
    /** The JSON of the answer. @throws RequestError */
    execute(operation: string, input: unknown): string {
      const run = operations[operation];
      if (run === undefined) throw new RequestError('UnknownOperationException', `The stand-in has no ${operation}`);
      return run(input);
    },
    /** Invokes the function: `reply` gets its payload, after its latency. @throws where the event names no image of the bucket */
    invoke(body: string, reply: (payload: string) => void): void {
      const index = numberOf(eventSchema.parse(JSON.parse(body)).Records[0].s3.object.key);
      if (!(index < images)) throw new RequestError('InvalidRequestContentException', `No such image: ${body}`);
      starts.push(performance.now());
      total += 1;
      inFlight += 1;
      highest = Math.max(highest, inFlight);
      const end = () => {
        inFlight -= 1;
        if (written[index] === NONE) records += 1;
        const isFailure = fails(index);
        written[index] = isFailure ? FAILED : ENTRY;
        writtenAt[index] = now();
        reply(isFailure ? failurePayload(index) : entryPayload(index % people));
      };
      if (behaviour.latencyMs > 0) setTimeout(end, behaviour.latencyMs);
      else end();
    },
    /** A page of ListObjectsV2 with URL encoding. */
    listPage(query: URLSearchParams): string {
      const from = Number(query.get('continuation-token') ?? 0);
      const limit = Math.min(LIST_PAGE, Number(query.get('max-keys') ?? LIST_PAGE));
      const to = Math.min(images, from + limit);
      const contents: string[] = [];
      for (let index = from; index < to; index += 1)
        contents.push(
          `<Contents><Key>${keyOf(index)}</Key><LastModified>2025-11-21T10:00:00.000Z</LastModified><Size>${IMAGE_BYTES}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
        );
      const next = to < images ? `<NextContinuationToken>${to}</NextContinuationToken>` : '';
      return `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType><KeyCount>${to - from}</KeyCount><IsTruncated>${to < images}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`;
    },
  };
}

const entryPayload = (person: number): string =>
  JSON.stringify({
    statusCode: 200,
    body: JSON.stringify({
      entries_stored: 1,
      resource_name: `Person ${person}`,
      processing_time_seconds: 2.01,
      cost_estimate_usd: 0.0012,
      validation: { valid: true },
    }),
  });

const failurePayload = (index: number): string =>
  JSON.stringify({
    statusCode: 500,
    body: JSON.stringify({
      message: 'Error processing timesheet',
      error: `Textract could not read the document ${index}`,
      error_type: 'TextractError',
      processing_time_seconds: 2.01,
    }),
  });
