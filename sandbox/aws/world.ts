import { z } from 'zod';

/** How an invocation can go wrong: each row of the reply table of the pipeline's facts. */
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
] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

const share = z.number().min(0).max(1);
const whole = z.number().int().min(0);
const latencySchema = z.union([z.number().min(0), z.strictObject({ min: z.number().min(0), max: z.number().min(0) })]);
const failureSchema = z.strictObject({
  /** Share of the invocations that fail so. */
  rate: share.default(1),
  kind: z.enum(FAILURE_KINDS),
  /** Only keys that hold this text. */
  match: z.string().optional(),
  /** Error text in the place of the usual one. */
  message: z.string().optional(),
});

/** Every dial of the local AWS. */
const worldSchema = z.strictObject({
  /** What an invocation takes, ms. */
  latencyMs: latencySchema.default({ min: 150, max: 400 }),
  failures: z.array(failureSchema).default([]),
  /** Invocations in 60 s beyond which the API answers 429. 0: no limit. */
  functionPerMinute: whole.default(0),
  /** Model calls in 60 s beyond which the function fails with Bedrock's ThrottlingException. 0: no limit. */
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
      /** Services whose quotas ListServiceQuotas knows; the others have only their default values. */
      applied: z.array(z.string()).default(['bedrock', 'lambda', 'textract']),
    })
    .prefault({}),
  /** What an update of the function takes, ms: as long its LastUpdateStatus is InProgress and changes are refused. */
  updateMs: z.number().min(0).default(300),
  /** Updates of the function end as Failed, and what ran before goes on running. */
  updateFails: z.boolean().default(false),
  runtime: z.string().min(1).default('python3.13'),
  packageType: z.enum(['Zip', 'Image']).default('Zip'),
  /** How long the address of a package (GetFunction, Code.Location) is good for. */
  packageUrlSeconds: whole.default(600),
  /** The function's own failure logger: with the wrong key, as it came; none at all; or mended by its team. */
  logger: z.enum(['broken', 'none', 'works']).default('broken'),
  /** IAM actions on DynamoDB that the function's own role lacks, e.g. "dynamodb:PutItem". */
  functionDenied: z.array(z.string().regex(/^dynamodb:[A-Za-z]+$/)).default([]),
  /** Even a key that is not there is answered 200. */
  neverFails: z.boolean().default(false),
  /** Memory that an invocation uses, MB. */
  memoryMb: z.strictObject({ min: whole, max: whole }).default({ min: 268, max: 342 }),
  /** Pages without a line, but with a token, that CloudWatch Logs answers before the lines. */
  emptyLogPages: whole.max(50).default(1),
  logGroupMissing: z.boolean().default(false),
  /** What DescribeTable says of the pipeline's table. */
  billing: z.enum(['on-demand', 'provisioned']).default('on-demand'),
  /** Of the table and each of its indexes, where billing is provisioned. */
  capacity: z
    .strictObject({
      tableWrite: whole.default(5),
      tableRead: whole.default(5),
      indexWrite: whole.default(5),
      indexRead: whole.default(5),
    })
    .prefault({}),
  /** The function says that it stored entries and stores none. */
  writesNothing: z.boolean().default(false),
  /** `none`: success at once, neither S3 nor DynamoDB touched (for benchmarks). */
  functionWork: z.enum(['real', 'none']).default('real'),
  /** Connections are closed without an answer. */
  outage: z.boolean().default(false),
  expiredCredentials: z.boolean().default(false),
  /** IAM actions that are refused, e.g. "lambda:InvokeFunction". */
  accessDenied: z.array(z.string().regex(/^[a-z0-9]+:[A-Za-z]+$/)).default([]),
  functionMissing: z.boolean().default(false),
  /** Reads of the bucket of images answer NoSuchBucket. */
  bucketMissing: z.boolean().default(false),
  /** Share of the invocations whose connection breaks in mid-answer, after the function ran. */
  brokenConnections: share.default(0),
  /** Added to each DynamoDB request, ms. */
  addedLatencyMs: z.number().min(0).default(0),
  dynamodb: z
    .strictObject({
      unprocessedRate: share.default(0),
      throttleRate: share.default(0),
      /** Writes beyond `capacity.tableWrite` are throttled, where billing is provisioned. */
      enforceCapacity: z.boolean().default(false),
      /** How many seconds of unused write capacity a provisioned table keeps. */
      burstSeconds: whole.default(300),
      /** How long a transaction holds its items, ms: other writes of them are refused with a conflict. */
      transactionMs: z.number().min(0).default(0),
    })
    .prefault({}),
});
export type World = z.infer<typeof worldSchema>;

/** The world as it is when nobody has touched a dial. */
export const defaultWorld = (): World => worldSchema.parse({});

/** A change of the world that is not understood; nothing was changed. */
export class WorldError extends Error {
  override readonly name = 'WorldError';
}

/**
 * The world with some dials turned; dials of a group are turned one by one. A single failure may stand for a list of one.
 * @throws WorldError that names what is unknown or malformed.
 */
export function turnDials(world: World, change: unknown): World {
  if (typeof change !== 'object' || change === null || Array.isArray(change))
    throw new WorldError('A change of the world is a JSON object of its dials.');
  const wanted: Record<string, unknown> = { ...change };
  if ('failures' in wanted && !Array.isArray(wanted.failures))
    wanted.failures = wanted.failures ? [wanted.failures] : [];
  for (const group of ['concurrency', 'quotas', 'dynamodb', 'capacity'] as const) {
    const part = wanted[group];
    if (typeof part === 'object' && part !== null) wanted[group] = { ...world[group], ...part };
  }
  const result = worldSchema.safeParse({ ...world, ...wanted });
  if (result.success) return result.data;
  const said = result.error.issues.map((issue) => `${issue.path.join('.') || 'the world'}: ${issue.message}`);
  throw new WorldError(said.join('; '));
}
