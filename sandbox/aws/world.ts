import { z } from 'zod';

/** How an invocation can fail: each row of the reply table in pipeline.md. */
export const FAILURE_KINDS = [
  'failed-500',
  'validation',
  'textract',
  'parsing',
  'throttling-in-500',
  'crash',
  'timeout',
  'timeout-new',
  'out-of-memory',
  'exit',
  'unreadable',
  'import-module',
  'handler-missing',
  'syntax-error',
  'daily-quota',
  'model-denied',
  'kms-disabled',
  'textract-denied',
  'needs-review',
  'reply-too-large',
] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

const share = z.number().min(0).max(1);
const whole = z.number().int().min(0);
const latencySchema = z.union([z.number().min(0), z.strictObject({ min: z.number().min(0), max: z.number().min(0) })]);
const failureSchema = z.strictObject({
  /** Share of the invocations that fail in this way, 0 to 1. */
  rate: share.default(1),
  kind: z.enum(FAILURE_KINDS),
  /** Only keys that contain this text. */
  match: z.string().optional(),
  /** Error text that replaces the default one. */
  message: z.string().optional(),
});

/** All settings of the local AWS. */
const worldSchema = z.strictObject({
  /** Duration of an invocation, in ms. */
  latencyMs: latencySchema.default({ min: 150, max: 400 }),
  failures: z.array(failureSchema).default([]),
  /** Invocations per 60 s; more are answered with 429. 0: no limit. */
  functionPerMinute: whole.default(0),
  /** Model calls per 60 s; more fail with Bedrock's ThrottlingException. 0: no limit. */
  bedrockPerMinute: whole.default(0),
  concurrency: z.strictObject({ account: whole.default(1_000), unreserved: whole.default(900) }).prefault({}),
  quotas: z
    .strictObject({
      novaLiteCrossRegionRequestsPerMinute: whole.default(200),
      novaLiteOnDemandRequestsPerMinute: whole.default(200),
      novaLiteCrossRegionTokensPerMinute: whole.default(200_000),
      novaLiteOnDemandTokensPerMinute: whole.default(400_000),
      textractAnalyzeDocumentPerSecond: whole.default(10),
      textractDetectDocumentTextPerSecond: whole.default(25),
      /** Services whose quotas ListServiceQuotas returns. Others have only default values. */
      applied: z.array(z.string()).default(['bedrock', 'lambda', 'textract']),
    })
    .prefault({}),
  /**
   * Duration of an update of the function, in ms. During that time its LastUpdateStatus is InProgress and changes are
   * refused.
   */
  updateMs: z.number().min(0).default(300),
  /** Updates of the function end as Failed, and the previous code continues to run. */
  updateFails: z.boolean().default(false),
  runtime: z.string().min(1).default('python3.13'),
  packageType: z.enum(['Zip', 'Image']).default('Zip'),
  /** How long the address of a package (GetFunction, Code.Location) is valid. */
  packageUrlSeconds: whole.default(600),
  /** The function's own failure logger: with the wrong key, as delivered; none; or corrected by its team. */
  logger: z.enum(['broken', 'none', 'works']).default('broken'),
  /** DynamoDB actions that the function's own role lacks, for example "dynamodb:PutItem". */
  functionDenied: z.array(z.string().regex(/^dynamodb:[A-Za-z]+$/)).default([]),
  /** The function's role may list the bucket; otherwise S3 denies access to a key that does not exist. */
  functionMayList: z.boolean().default(true),
  /** A key that does not exist is also answered with 200. */
  neverFails: z.boolean().default(false),
  /** Memory that an invocation uses, in MB. */
  memoryMb: z.strictObject({ min: whole, max: whole }).default({ min: 268, max: 342 }),
  /** Empty pages with a token that CloudWatch Logs returns before the first lines. */
  emptyLogPages: whole.max(50).default(1),
  logGroupMissing: z.boolean().default(false),
  logGroupClass: z.enum(['STANDARD', 'INFREQUENT_ACCESS']).default('STANDARD'),
  /** How Lambda writes its own lines (LoggingConfig, LogFormat). */
  logFormat: z.enum(['Text', 'JSON']).default('Text'),
  /** The billing mode that DescribeTable returns for the pipeline's table. */
  billing: z.enum(['on-demand', 'provisioned']).default('on-demand'),
  /** Capacity of the table and of each of its indexes, for provisioned billing. */
  capacity: z
    .strictObject({
      tableWrite: whole.default(5),
      tableRead: whole.default(5),
      indexWrite: whole.default(5),
      indexRead: whole.default(5),
    })
    .prefault({}),
  /** The function reports stored entries but stores none, after it stored those of the first `writesFirst` images. */
  writesNothing: z.boolean().default(false),
  writesFirst: whole.default(0),
  /** How far the clock of AWS is ahead, in ms: the times in the records of the function, and the `Date` of each answer. */
  clockAheadMs: z.number().default(0),
  /** Requests are refused when the time in their signature differs from the clock of AWS by more than 5 minutes. */
  checksSignatureTime: z.boolean().default(false),
  /** `none`: immediate success without access to S3 or DynamoDB (for benchmarks). */
  functionWork: z.enum(['real', 'none']).default('real'),
  /** Share of the requests to any service that a proxy answers with 503 and HTML; they do not reach the service. */
  proxyErrors: share.default(0),
  /** Connections are closed without an answer. */
  outage: z.boolean().default(false),
  /** Requests that are carried out, but whose answer breaks. Invocations: see also `brokenConnections`. */
  answers: z
    .strictObject({
      /** Share of the writes to any service whose answer is lost. */
      lostWrites: share.default(0),
      /** The answer of this write is lost, counted from 1 since the change of `answers`; 0: none. */
      lostWrite: whole.default(0),
      /** Share of the answers of which headers and half of a piece of the body arrive. */
      cut: share.default(0),
    })
    .prefault({}),
  /** Share of the requests to any service that it refuses with its own error for too many requests, or for an internal failure. */
  throttled: share.default(0),
  internalErrors: share.default(0),
  s3: z
    .strictObject({
      /** Share of the uploaded parts that fail with InternalError. */
      partErrors: share.default(0),
      /** Share of the completions of multipart uploads that answer 200 with an error in the body. */
      completeErrors: share.default(0),
      /** The most keys in one page of a listing; 0: as many as the client asks for. */
      listingKeys: whole.default(0),
      /** Delay of each page of a listing, in ms. */
      listingMs: z.number().min(0).default(0),
    })
    .prefault({}),
  /** How long after it was written a line of the log can be read, in ms. Lines of different delays change their order. */
  logDelayMs: latencySchema.default(0),
  expiredCredentials: z.boolean().default(false),
  /** Refused IAM actions, for example "lambda:InvokeFunction". */
  accessDenied: z.array(z.string().regex(/^[a-z0-9-]+:[A-Za-z]+$/)).default([]),
  functionMissing: z.boolean().default(false),
  /** Images whose key contains one of these texts are in the class GLACIER, without a restored copy. */
  archived: z.array(z.string().min(1)).default([]),
  /** Reads of the image bucket are answered with NoSuchBucket. */
  bucketMissing: z.boolean().default(false),
  /** Share of the invocations whose connection breaks during the answer, after the function ran. */
  brokenConnections: share.default(0),
  /** Delay of each DynamoDB request, in ms. */
  addedLatencyMs: z.number().min(0).default(0),
  dynamodb: z
    .strictObject({
      unprocessedRate: share.default(0),
      throttleRate: share.default(0),
      /** Writes beyond `capacity.tableWrite` are throttled, for provisioned billing. */
      enforceCapacity: z.boolean().default(false),
      /** Seconds of unused write capacity that a provisioned table keeps. */
      burstSeconds: whole.default(300),
      /** How long a transaction holds its items, in ms. Other writes of these items are refused as conflicts. */
      transactionMs: z.number().min(0).default(0),
    })
    .prefault({}),
  stepFunctions: z
    .strictObject({
      /** How many times faster than in AWS the waits of state machines pass: retry delays and Wait states. */
      speed: z.number().min(1).max(100_000).default(1),
      /** Waits of a Wait state with SecondsPath pass as `clockAheadMs` is raised, whatever `speed` is: for a test with a clock of its own. */
      waitsByClock: z.boolean().default(false),
      /** IAM actions that the role of the state machine lacks. */
      denied: z.array(z.string().regex(/^[a-z0-9-]+:[A-Za-z]+$/)).default([]),
      /** Step Functions may assume the role. */
      roleTrusted: z.boolean().default(true),
      /** Executions that may run at the same time; more are refused. */
      openExecutions: whole.default(1_000_000),
      /** How long an EXPRESS child may run, in seconds. `speed` does not change it. */
      expressTimeoutSeconds: z.number().positive().default(300),
    })
    .prefault({}),
});
export type World = z.infer<typeof worldSchema>;

/** A random value in the range of a setting, or its only value. */
export const between = (wanted: number | { min: number; max: number }, random: () => number): number =>
  typeof wanted === 'number' ? wanted : wanted.min + random() * Math.max(0, wanted.max - wanted.min);

/** The default settings. */
export const defaultWorld = (): World => worldSchema.parse({});

/** A change of the settings that is not valid. Nothing was changed. */
export class WorldError extends Error {
  override readonly name = 'WorldError';
}

/**
 * The settings with some of them changed. Settings in a group are changed one by one. A single failure may be given
 * instead of a list. @throws WorldError that names the unknown or malformed setting.
 */
export function turnDials(world: World, change: unknown): World {
  if (typeof change !== 'object' || change === null || Array.isArray(change))
    throw new WorldError('A change is a JSON object of settings.');
  const wanted: Record<string, unknown> = { ...change };
  if ('failures' in wanted && !Array.isArray(wanted.failures))
    wanted.failures = wanted.failures ? [wanted.failures] : [];
  for (const group of ['concurrency', 'quotas', 'dynamodb', 'capacity', 'stepFunctions', 'answers', 's3'] as const) {
    const part = wanted[group];
    if (typeof part === 'object' && part !== null) wanted[group] = { ...world[group], ...part };
  }
  const result = worldSchema.safeParse({ ...world, ...wanted });
  if (result.success) return result.data;
  const said = result.error.issues.map((issue) => `${issue.path.join('.') || 'the world'}: ${issue.message}`);
  throw new WorldError(said.join('; '));
}
