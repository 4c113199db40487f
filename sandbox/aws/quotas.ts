import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { readJson, sendJson, sendJsonError } from './http.ts';
import { defaultWorld, type World } from './world.ts';

const PAGE = 4;
const askedSchema = z.looseObject({
  ServiceCode: z.string(),
  NextToken: z.string().optional(),
  MaxResults: z.number().int().positive().max(100).optional(),
  QuotaCode: z.string().optional(),
});
const SERVICE_NAMES: Readonly<Record<string, string>> = {
  bedrock: 'Amazon Bedrock',
  lambda: 'AWS Lambda',
  textract: 'Amazon Textract',
};

function quotasOf(service: string, { quotas, concurrency }: World): [name: string, value: number][] {
  const model = 'model inference';
  switch (service) {
    case 'bedrock':
      return [
        [`On-demand ${model} requests per minute for Amazon Nova Pro`, 100],
        [`On-demand ${model} requests per minute for Amazon Nova Micro`, 400],
        [`Cross-region ${model} requests per minute for Amazon Nova Pro`, 500],
        [`On-demand ${model} tokens per minute for Amazon Nova Lite`, quotas.novaLiteOnDemandTokensPerMinute],
        [`On-demand latency-optimized ${model} requests per minute for Amazon Nova Pro`, 20],
        [`On-demand ${model} requests per minute for Amazon Nova Lite`, quotas.novaLiteOnDemandRequestsPerMinute],
        [`Cross-region ${model} requests per minute for Amazon Nova Micro`, 4_000],
        [`Cross-region ${model} tokens per minute for Amazon Nova Pro`, 2_000_000],
        [`Cross-region ${model} tokens per minute for Amazon Nova Lite`, quotas.novaLiteCrossRegionTokensPerMinute],
        [`Cross-region ${model} requests per minute for Amazon Nova Lite`, quotas.novaLiteCrossRegionRequestsPerMinute],
        [`On-demand ${model} tokens per minute for Amazon Nova Micro`, 2_000_000],
      ];
    case 'lambda':
      return [
        ['Function and layer storage', 75],
        ['Elastic network interfaces per VPC', 500],
        ['Concurrent executions', concurrency.account],
      ];
    case 'textract':
      return [
        ['Transactions per second per account for the synchronous AnalyzeExpense operation', 5],
        [
          'Transactions per second per account for the synchronous AnalyzeDocument operation',
          quotas.textractAnalyzeDocumentPerSecond,
        ],
        ['Transactions per second per account for the StartDocumentAnalysis operation', 10],
        ['Transactions per second per account for the synchronous AnalyzeID operation', 5],
        [
          'Transactions per second per account for the synchronous DetectDocumentText operation',
          quotas.textractDetectDocumentTextPerSecond,
        ],
      ];
    default:
      return [];
  }
}

/** Service Quotas: the lists of applied and default values, in pages. */
export function createQuotas(world: () => World) {
  return async function answer(request: IncomingMessage, response: ServerResponse, operation: string): Promise<void> {
    const asked = askedSchema.safeParse(await readJson(request));
    if (!asked.success) return sendJsonError(response, 'IllegalArgumentException', 'The request is malformed');
    const { ServiceCode, NextToken, QuotaCode, MaxResults = PAGE } = asked.data;
    const isDefault = operation.includes('AWSDefault');
    const known = quotasOf(ServiceCode, isDefault ? defaultWorld() : world());
    if (known.length === 0)
      return sendJsonError(response, 'NoSuchResourceException', `There is no service ${ServiceCode}`);
    const isApplied = isDefault || world().quotas.applied.includes(ServiceCode);
    const all = (isApplied ? known : []).map(([QuotaName, Value], place) => ({
      ServiceCode,
      ServiceName: SERVICE_NAMES[ServiceCode],
      QuotaArn: `arn:aws:servicequotas:us-east-1:${isDefault ? '' : '016164185850'}:${ServiceCode}/${codeOf(ServiceCode, place)}`,
      QuotaCode: codeOf(ServiceCode, place),
      QuotaName,
      Value,
      Unit: 'None',
      Adjustable: true,
      GlobalQuota: false,
    }));
    if (operation === 'GetServiceQuota' || operation === 'GetAWSDefaultServiceQuota') {
      const Quota = all.find((quota) => quota.QuotaCode === QuotaCode);
      return Quota
        ? sendJson(response, 200, { Quota })
        : sendJsonError(
            response,
            'NoSuchResourceException',
            'The request failed because the specified quota does not exist.',
          );
    }
    if (operation !== 'ListServiceQuotas' && operation !== 'ListAWSDefaultServiceQuotas')
      return sendJsonError(response, 'UnknownOperationException', `The local AWS has no servicequotas:${operation}`);
    const from = Number(NextToken ?? 0);
    if (!Number.isInteger(from)) return sendJsonError(response, 'InvalidPaginationTokenException', 'Invalid token');
    // Pages are shorter than requested, so that a client that reads only the first page misses the model's quota.
    const size = Math.min(PAGE, MaxResults);
    const next = from + size < all.length ? { NextToken: String(from + size) } : {};
    sendJson(response, 200, { Quotas: all.slice(from, from + size), ...next });
  };
}

const codeOf = (service: string, place: number) => `L-${service.toUpperCase()}${String(place).padStart(4, '0')}`;
