import { GetAccountSettingsCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import {
  paginateListAWSDefaultServiceQuotas,
  paginateListServiceQuotas,
  type ServiceQuota,
  type ServiceQuotasClient,
} from '@aws-sdk/client-service-quotas';
import { asFaultError } from './aws.ts';
import { FaultError } from './fault.ts';
import { describeFunction } from './ocr-function.ts';

/** The quotas that bind the function. What could not be read is left out, and a note says why. */
export interface QuotaReading {
  readonly modelRequestsPerMinute?: {
    readonly value: number;
    /** The quota's name, as AWS words it. */
    readonly name: string;
    /** As it applies to this account, or what AWS gives every account. */
    readonly source: 'applied' | 'default';
  };
  /** Concurrent executions of the whole account. */
  readonly accountConcurrency?: number;
  /** What no function has reserved. */
  readonly unreservedConcurrency?: number;
  /** What is reserved for this function. */
  readonly reservedConcurrency?: number;
  /** What this function may use: its reserved concurrency, or all that is unreserved. */
  readonly freeConcurrency?: number;
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
  /** The result, or undefined with a note where it is not permitted. */
  async function permitted<T>(action: string, resource: string, what: string, read: () => Promise<T>) {
    try {
      return await read();
    } catch (error) {
      const fault = asFaultError(error, { service: action.split(':')[0] ?? '', action, resource });
      if (!(fault instanceof FaultError) || fault.fault.reason !== 'access-denied') throw fault;
      notes.push(`${what} cannot be read: the bot is not allowed ${action}.`);
      return undefined;
    }
  }

  const [model, account, fn] = await Promise.all([
    readModelQuota(clients.serviceQuotas, about.modelId, permitted, notes),
    permitted('lambda:GetAccountSettings', '*', 'The concurrency of the account', () =>
      clients.lambda.send(new GetAccountSettingsCommand({})),
    ),
    permitted('lambda:GetFunction', about.functionName, 'The reserved concurrency of the function', () =>
      describeFunction(clients.lambda, about.functionName),
    ),
  ]);
  const accountConcurrency = account?.AccountLimit?.ConcurrentExecutions;
  const unreservedConcurrency = account?.AccountLimit?.UnreservedConcurrentExecutions;
  const reservedConcurrency = fn?.reservedConcurrency;
  const freeConcurrency = reservedConcurrency ?? unreservedConcurrency ?? accountConcurrency;
  if (reservedConcurrency === 0)
    notes.push(`The reserved concurrency of ${about.functionName} is 0: Lambda does not run it at all.`);
  return {
    ...(model ? { modelRequestsPerMinute: model } : {}),
    ...(accountConcurrency === undefined ? {} : { accountConcurrency }),
    ...(unreservedConcurrency === undefined ? {} : { unreservedConcurrency }),
    ...(reservedConcurrency === undefined ? {} : { reservedConcurrency }),
    ...(freeConcurrency === undefined ? {} : { freeConcurrency }),
    notes: notes.sort(),
  };
}

type Permitted = <T>(action: string, resource: string, what: string, read: () => Promise<T>) => Promise<T | undefined>;

async function readModelQuota(
  serviceQuotas: ServiceQuotasClient,
  modelId: string,
  permitted: Permitted,
  notes: string[],
): Promise<QuotaReading['modelRequestsPerMinute']> {
  const wanted = quotaMatcher(modelId);
  const what = `The Bedrock quota of ${modelId}`;
  const query = { ServiceCode: 'bedrock', MaxResults: 100 };
  const applied = await permitted('servicequotas:ListServiceQuotas', 'bedrock', what, () =>
    firstQuota(paginateListServiceQuotas({ client: serviceQuotas }, query), wanted),
  );
  if (applied) return { ...applied, source: 'applied' };
  const usual = await permitted(
    'servicequotas:ListAWSDefaultServiceQuotas',
    'bedrock',
    `The AWS default of the quota of ${modelId}`,
    () => firstQuota(paginateListAWSDefaultServiceQuotas({ client: serviceQuotas }, query), wanted),
  );
  if (usual) return { ...usual, source: 'default' };
  if (notes.length === 0) notes.push(`Service Quotas lists no requests per minute for ${modelId}.`);
  return undefined;
}

/** Pages until the quota is found: lists of Bedrock are long. */
async function firstQuota(
  pages: AsyncIterable<{ Quotas?: ServiceQuota[] | undefined }>,
  wanted: (name: string) => boolean,
): Promise<{ name: string; value: number } | undefined> {
  for await (const page of pages)
    for (const { QuotaName: name = '', Value: value } of page.Quotas ?? [])
      if (value !== undefined && wanted(name)) return { name, value };
  return undefined;
}

/** The groups of regions that a cross-region inference profile is named by. */
const REGION_GROUP =
  /^(us|us-gov|eu|apac|ap|jp|au|ca|sa|me|af|il|mx|in)\.(?=.*\.)|^(us|us-gov|eu|apac|jp|au|ca|global)\./;
const HEAD = /^(on-demand|cross-region|global cross-region) model inference requests per minute for (.+)$/i;

/**
 * Which quota binds a model, by the words of its name (quota codes change). An inference profile (`us.amazon.nova-lite-v1:0`)
 * is bound by the cross-region quota, a plain id by the on-demand one; `Nova Pro`, or `latency-optimized`, are other quotas.
 */
export function quotaMatcher(modelId: string): (quotaName: string) => boolean {
  const id = modelId.slice(modelId.lastIndexOf('/') + 1);
  const group = REGION_GROUP.exec(id)?.[0];
  const model = wordsOf(group ? id.slice(group.length) : id);
  const kind = group === undefined ? 'on-demand' : group === 'global.' ? 'global cross-region' : 'cross-region';
  return (quotaName) => {
    const match = HEAD.exec(quotaName.trim());
    return match?.[1]?.toLowerCase() === kind && wordsOf(match[2] ?? '') === model;
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
