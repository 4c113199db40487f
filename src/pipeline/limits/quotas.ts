import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetAccountSettingsCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import type { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { defined } from '../../lib/defined.ts';
import { describeFunction } from '../invoke/ocr-function.ts';
import { describeTable, type TableFacts } from '../table/table.ts';
import { findQuotas, permittedOrNoted, type Quota } from './service-quota.ts';

/** The quotas that limit the function. What could not be read is absent, and a note says why. */
export interface QuotaReading {
  readonly modelRequestsPerMinute?: Quota;
  readonly modelTokensPerMinute?: Quota;
  /** The limit of concurrent executions of the whole account. */
  readonly accountConcurrency?: number;
  /** The concurrency that is reserved for this function. */
  readonly reservedConcurrency?: number;
  /** The concurrency that this function can use: its reserved concurrency, or all that is unreserved. */
  readonly freeConcurrency?: number;
  readonly functionTimeoutMs?: number;
  readonly functionMemoryMb?: number;
  /**
   * Textract's transactions per second for the two calls that read a document. It is unknown which one the function
   * uses.
   */
  readonly textractPerSecond?: { readonly analyzeDocument?: Quota; readonly detectDocumentText?: Quota };
  /** The write capacity of the table. */
  readonly table?: {
    readonly name: string;
    readonly billing: 'on-demand' | 'provisioned';
    /** Write units per second of the table and of each global index that has a limit. */
    readonly writeCapacity: readonly { readonly name: string; readonly units: number }[];
  };
  /** Sentences for people: what could not be read, and which permission is missing. */
  readonly notes: readonly string[];
}

/**
 * Reads the quotas in Service Quotas and Lambda.
 * @throws FaultError for credentials, a missing function and the network. A missing permission is a note.
 */
export async function readQuotas(
  clients: { serviceQuotas: ServiceQuotasClient; lambda: LambdaClient },
  about: { functionName: string; modelId: string },
): Promise<QuotaReading> {
  const notes: string[] = [];
  const modelNotes: string[] = [];
  const permitted = permittedOrNoted(notes);
  const [model, account, fn] = await Promise.all([
    findQuotas(
      clients.serviceQuotas,
      'bedrock',
      `The Bedrock quota of ${about.modelId}`,
      { requests: quotaMatcher(about.modelId), tokens: quotaMatcher(about.modelId, 'tokens') },
      permittedOrNoted(modelNotes),
    ),
    permitted('lambda:GetAccountSettings', '*', 'The concurrency of the account', () =>
      clients.lambda.send(new GetAccountSettingsCommand({})),
    ),
    permitted('lambda:GetFunction', about.functionName, 'The reserved concurrency of the function', () =>
      describeFunction(clients.lambda, about.functionName),
    ),
  ]);
  if (!model.requests && modelNotes.length === 0)
    modelNotes.push(
      /application-inference-profile|provisioned-model/.test(about.modelId)
        ? `Service Quotas lists quotas by model, and ${about.modelId} does not name one: set MODEL_ID to its model or inference profile.`
        : `Service Quotas has no requests per minute for ${about.modelId}.`,
    );
  notes.push(...modelNotes);
  const accountConcurrency = account?.AccountLimit?.ConcurrentExecutions;
  const reservedConcurrency = fn?.reservedConcurrency;
  const freeConcurrency =
    reservedConcurrency ?? account?.AccountLimit?.UnreservedConcurrentExecutions ?? accountConcurrency;
  if (reservedConcurrency === 0)
    notes.push(`The reserved concurrency of ${about.functionName} is 0, so Lambda does not run it.`);
  return defined({
    modelRequestsPerMinute: model.requests,
    modelTokensPerMinute: model.tokens,
    functionTimeoutMs: fn?.timeoutMs,
    functionMemoryMb: fn?.memoryMb,
    accountConcurrency,
    reservedConcurrency,
    freeConcurrency,
    notes: notes.sort(),
  });
}

/**
 * All limits of a rescan: those of `readQuotas`, Textract's, and the write capacity of the table. What cannot be read,
 * or what Service Quotas does not know, is a note.
 * @throws FaultError for credentials, a missing function or table, and the network
 */
export async function readAllQuotas(
  clients: { serviceQuotas: ServiceQuotasClient; lambda: LambdaClient; bulkDynamodb: DynamoDBClient },
  about: { functionName: string; modelId: string; tableName: string },
): Promise<QuotaReading> {
  const notes: string[] = [];
  const permitted = permittedOrNoted(notes);
  const [reading, textract, table] = await Promise.all([
    readQuotas(clients, about),
    findQuotas(
      clients.serviceQuotas,
      'textract',
      'The quotas of Textract',
      {
        analyzeDocument: textractMatcher('AnalyzeDocument'),
        detectDocumentText: textractMatcher('DetectDocumentText'),
      },
      permitted,
    ),
    permitted('dynamodb:DescribeTable', about.tableName, 'The write capacity of the table', () =>
      describeTable(clients.bulkDynamodb, about.tableName),
    ),
  ]);
  return {
    ...reading,
    ...defined({
      textractPerSecond: textract.analyzeDocument || textract.detectDocumentText ? textract : undefined,
      table: table && capacityOf(table),
    }),
    notes: [...new Set([...reading.notes, ...notes])].sort(),
  };
}

/**
 * Matches `Transactions per second per account for the synchronous AnalyzeDocument operation` loosely, because names
 * change.
 */
const textractMatcher = (operation: string) => (quotaName: string) =>
  /transactions per second/i.test(quotaName) && new RegExp(`\\b${operation}\\b`, 'i').test(quotaName);

function capacityOf({ name, billing, writeCapacity, indexes }: TableFacts): NonNullable<QuotaReading['table']> {
  const units = [
    ...(writeCapacity === undefined ? [] : [{ name, units: writeCapacity }]),
    ...indexes.flatMap((index) =>
      index.writeCapacity === undefined ? [] : [{ name: index.name, units: index.writeCapacity }],
    ),
  ];
  return { name, billing, writeCapacity: units };
}

/** The region group at the beginning of the id of a cross-region inference profile. */
export const REGION_GROUP =
  /^(us|us-gov|eu|apac|ap|jp|au|ca|sa|me|af|il|mx|in)\.(?=.*\.)|^(us|us-gov|eu|apac|jp|au|ca|global)\./;
/** The documentation of AWS says InvokeModel where its lists say model inference. */
const QUOTA_NAME =
  /^(on-demand|cross-region|global cross-region) (?:model inference|invokemodel) (requests|tokens) per minute for (.+)$/i;

/**
 * A test whether a quota limits a model, by the name of the quota (quota codes change). The cross-region quota applies
 * to an inference profile (`us.amazon.nova-lite-v1:0`), the on-demand quota to a plain id. `Nova Pro` or
 * `latency-optimized` are others.
 */
export function quotaMatcher(
  modelId: string,
  counted: 'requests' | 'tokens' = 'requests',
): (quotaName: string) => boolean {
  const id = modelId.slice(modelId.lastIndexOf('/') + 1);
  const group = REGION_GROUP.exec(id)?.[0];
  const model = normaliseModel(group ? id.slice(group.length) : id);
  const kind = group === undefined ? 'on-demand' : group === 'global.' ? 'global cross-region' : 'cross-region';
  return (quotaName) => {
    const match = QUOTA_NAME.exec(quotaName.trim());
    return (
      match?.[1]?.toLowerCase() === kind &&
      match[2]?.toLowerCase() === counted &&
      normaliseModel(match[3] ?? '') === model
    );
  };
}

/** "amazon nova lite" for both `amazon.nova-lite-v1:0` and `Amazon Nova Lite V1`, without dates and a first version. */
const normaliseModel = (name: string): string =>
  name
    .toLowerCase()
    .replace(/:.*$/, '')
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '' && word !== 'v1' && !/^\d{8}$/.test(word))
    .join(' ');
