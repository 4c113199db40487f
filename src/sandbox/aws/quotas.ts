import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { readJson, sendJson, sendJsonError } from './http.ts';
import type { World } from './world.ts';

const PAGE = 4;
const askedSchema = z.looseObject({
  ServiceCode: z.string(),
  NextToken: z.string().optional(),
  QuotaCode: z.string().optional(),
});

function quotasOf(service: string, { quotas, concurrency }: World): [name: string, value: number][] {
  switch (service) {
    case 'bedrock':
      return [
        ['On-demand model inference requests per minute for Amazon Nova Pro', 100],
        ['On-demand model inference requests per minute for Amazon Nova Micro', 400],
        ['Cross-region model inference requests per minute for Amazon Nova Pro', 500],
        ['On-demand model inference tokens per minute for Amazon Nova Lite', 400_000],
        ['On-demand latency-optimized model inference requests per minute for Amazon Nova Pro', 20],
        [
          'On-demand model inference requests per minute for Amazon Nova Lite',
          quotas.novaLiteOnDemandRequestsPerMinute,
        ],
        ['Cross-region model inference requests per minute for Amazon Nova Micro', 4_000],
        [
          'Cross-region model inference tokens per minute for Amazon Nova Lite',
          quotas.novaLiteCrossRegionTokensPerMinute,
        ],
        [
          'Cross-region model inference requests per minute for Amazon Nova Lite',
          quotas.novaLiteCrossRegionRequestsPerMinute,
        ],
      ];
    case 'lambda':
      return [['Concurrent executions', concurrency.account]];
    case 'textract':
      return [['Transactions per second per account for synchronous operations', 25]];
    default:
      return [];
  }
}

/** Service Quotas: the lists that are applied and the defaults, in pages. */
export function createQuotas(world: () => World) {
  return async function answer(request: IncomingMessage, response: ServerResponse, operation: string): Promise<void> {
    const asked = askedSchema.safeParse(await readJson(request));
    if (!asked.success) return sendJsonError(response, 'IllegalArgumentException', 'The request is malformed');
    const { ServiceCode, NextToken, QuotaCode } = asked.data;
    const all = quotasOf(ServiceCode, world()).map(([QuotaName, Value], place) => ({
      ServiceCode,
      ServiceName: ServiceCode,
      QuotaCode: `L-${ServiceCode.toUpperCase()}${String(place).padStart(4, '0')}`,
      QuotaName,
      Value,
      Unit: 'None',
      Adjustable: true,
      GlobalQuota: false,
    }));
    if (all.length === 0)
      return sendJsonError(response, 'NoSuchResourceException', `There is no service ${ServiceCode}`);
    if (operation === 'GetServiceQuota' || operation === 'GetAWSDefaultServiceQuota') {
      const Quota = all.find((quota) => quota.QuotaCode === QuotaCode);
      return Quota
        ? sendJson(response, 200, { Quota })
        : sendJsonError(response, 'NoSuchResourceException', 'No such quota');
    }
    if (operation !== 'ListServiceQuotas' && operation !== 'ListAWSDefaultServiceQuotas')
      return sendJsonError(response, 'UnknownOperationException', `The local AWS has no servicequotas:${operation}`);
    const from = Number(NextToken ?? 0);
    if (!Number.isInteger(from)) return sendJsonError(response, 'InvalidPaginationTokenException', 'Invalid token');
    const next = from + PAGE < all.length ? { NextToken: String(from + PAGE) } : {};
    sendJson(response, 200, { Quotas: all.slice(from, from + PAGE), ...next });
  };
}
