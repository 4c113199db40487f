import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetAccountSettingsCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import type { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { describeFunction } from '../invoke/ocr-function.ts';
import { describeTable, type TableFacts } from '../table/table.ts';
import { findQuotas, permittedOrNoted, type Quota } from './service-quota.ts';

/** The quotas that bind the function. What could not be read is left out, and a note says why. */
export interface QuotaReading {
  readonly modelRequestsPerMinute?: Quota;
  readonly modelTokensPerMinute?: Quota;
  /** Concurrent executions of the whole account. */
  readonly accountConcurrency?: number;
  /** What no function has reserved. */
  readonly unreservedConcurrency?: number;
  /** What is reserved for this function. */
  readonly reservedConcurrency?: number;
  /** What this function may use: its reserved concurrency, or all that is unreserved. */
  readonly freeConcurrency?: number;
  readonly functionTimeoutMs?: number;
  readonly functionMemoryMb?: number;
  /** Textract's transactions per second, of the two calls that read a document; which one the function makes is not known. */
  readonly textractPerSecond?: { readonly analyzeDocument?: Quota; readonly detectDocumentText?: Quota };
  /** How the table takes writes. */
  readonly table?: {
    readonly name: string;
    readonly billing: 'on-demand' | 'provisioned';
    /** Write units a second, of the table and of each global index that is bound to some. */
    readonly writeCapacity: readonly { readonly name: string; readonly units: number }[];
  };
  /** Sentences for people: what could not be read, and which permission mends it. */
  readonly notes: readonly string[];
}

/**
 * Reads the quotas in Service Quotas and Lambda.
 * @throws FaultError for credentials, a missing function and the network; a refused permission is a note.
 */
export async function readQuotas(
  clients: { serviceQuotas: ServiceQuotasClient; lambda: LambdaClient },
  about: { functionName: string; modelId: string },
): Promise<QuotaReading> {
  const notes: string[] = [];
  const ofModel: string[] = [];
  const permitted = permittedOrNoted(notes);
  const [model, account, fn] = await Promise.all([
    findQuotas(
      clients.serviceQuotas,
      'bedrock',
      `The Bedrock quota of ${about.modelId}`,
      { requests: quotaMatcher(about.modelId), tokens: quotaMatcher(about.modelId, 'tokens') },
      permittedOrNoted(ofModel),
    ),
    permitted('lambda:GetAccountSettings', '*', 'The concurrency of the account', () =>
      clients.lambda.send(new GetAccountSettingsCommand({})),
    ),
    permitted('lambda:GetFunction', about.functionName, 'The reserved concurrency of the function', () =>
      describeFunction(clients.lambda, about.functionName),
    ),
  ]);
  if (!model.requests && ofModel.length === 0)
    ofModel.push(
      /application-inference-profile|provisioned-model/.test(about.modelId)
        ? `Service Quotas goes by models, and ${about.modelId} does not say which it is: set MODEL_ID to the model or the inference profile behind it.`
        : `Service Quotas lists no requests per minute for ${about.modelId}.`,
    );
  notes.push(...ofModel);
  const accountConcurrency = account?.AccountLimit?.ConcurrentExecutions;
  const unreservedConcurrency = account?.AccountLimit?.UnreservedConcurrentExecutions;
  const reservedConcurrency = fn?.reservedConcurrency;
  const freeConcurrency = reservedConcurrency ?? unreservedConcurrency ?? accountConcurrency;
  if (reservedConcurrency === 0)
    notes.push(`The reserved concurrency of ${about.functionName} is 0: Lambda does not run it at all.`);
  return {
    ...(model.requests ? { modelRequestsPerMinute: model.requests } : {}),
    ...(model.tokens ? { modelTokensPerMinute: model.tokens } : {}),
    ...(fn ? { functionTimeoutMs: fn.timeoutMs, functionMemoryMb: fn.memoryMb } : {}),
    ...(accountConcurrency === undefined ? {} : { accountConcurrency }),
    ...(unreservedConcurrency === undefined ? {} : { unreservedConcurrency }),
    ...(reservedConcurrency === undefined ? {} : { reservedConcurrency }),
    ...(freeConcurrency === undefined ? {} : { freeConcurrency }),
    notes: notes.sort(),
  };
}

/**
 * All that bounds a rescan: as `readQuotas`, with Textract's limits and the table's write capacity. What may not be read, or
 * what Service Quotas does not know, is a note.
 * @throws FaultError for credentials, a missing function or table, and the network.
 */
export async function readAllQuotas(
  clients: { serviceQuotas: ServiceQuotasClient; lambda: LambdaClient; dynamodb: DynamoDBClient },
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
      describeTable(clients.dynamodb, about.tableName),
    ),
  ]);
  return {
    ...reading,
    ...(textract.analyzeDocument || textract.detectDocumentText ? { textractPerSecond: textract } : {}),
    ...(table ? { table: capacityOf(table) } : {}),
    notes: [...new Set([...reading.notes, ...notes])].sort(),
  };
}

/** `Transactions per second per account for the synchronous AnalyzeDocument operation`, by its words: names change. */
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

/** The groups of regions that a cross-region inference profile is named by. */
export const REGION_GROUP =
  /^(us|us-gov|eu|apac|ap|jp|au|ca|sa|me|af|il|mx|in)\.(?=.*\.)|^(us|us-gov|eu|apac|jp|au|ca|global)\./;
/** AWS's own pages say InvokeModel where its lists say model inference. */
const HEAD =
  /^(on-demand|cross-region|global cross-region) (?:model inference|invokemodel) (requests|tokens) per minute for (.+)$/i;

/**
 * Which quota binds a model, by the words of its name (quota codes change). An inference profile (`us.amazon.nova-lite-v1:0`)
 * is bound by the cross-region quota, a plain id by the on-demand one; `Nova Pro`, or `latency-optimized`, are other quotas.
 */
export function quotaMatcher(
  modelId: string,
  counted: 'requests' | 'tokens' = 'requests',
): (quotaName: string) => boolean {
  const id = modelId.slice(modelId.lastIndexOf('/') + 1);
  const group = REGION_GROUP.exec(id)?.[0];
  const model = wordsOf(group ? id.slice(group.length) : id);
  const kind = group === undefined ? 'on-demand' : group === 'global.' ? 'global cross-region' : 'cross-region';
  return (quotaName) => {
    const match = HEAD.exec(quotaName.trim());
    return (
      match?.[1]?.toLowerCase() === kind && match[2]?.toLowerCase() === counted && wordsOf(match[3] ?? '') === model
    );
  };
}

/** `amazon.nova-lite-v1:0` and `Amazon Nova Lite V1` alike: "amazon nova lite". Dates and a first version say nothing. */
const wordsOf = (name: string): string =>
  name
    .toLowerCase()
    .replace(/:.*$/, '')
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '' && word !== 'v1' && !/^\d{8}$/.test(word))
    .join(' ');
