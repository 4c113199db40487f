import {
  paginateListAWSDefaultServiceQuotas,
  paginateListServiceQuotas,
  type ServiceQuota,
  type ServiceQuotasClient,
  ServiceQuotasServiceException,
} from '@aws-sdk/client-service-quotas';
import { redact } from '../../lib/redact.ts';
import { asFaultError } from '../aws.ts';
import { errorText, FaultError } from '../fault.ts';

/** A quota, found by its name in AWS: the value applied to this account, or the default of AWS. */
export interface Quota {
  readonly value: number;
  readonly name: string;
  readonly source: 'applied' | 'default';
}

/**
 * Returns the result of `read`, or undefined with a note when a permission is missing or Service Quotas fails: an
 * unknown limit does not prevent a rescan. @throws FaultError for credentials, the network and missing resources, or
 * the SDK's error
 */
export type Permitted = <T>(
  action: string,
  resource: string,
  what: string,
  read: () => Promise<T>,
) => Promise<T | undefined>;

/** Returns a `Permitted` that adds its notes for people to `notes`. */
export const permittedOrNoted =
  (notes: string[]): Permitted =>
  async (action, resource, what, read) => {
    try {
      return await read();
    } catch (error) {
      const fault = asFaultError(error, { service: action.split(':')[0] ?? '', action, resource });
      if (fault instanceof FaultError) {
        if (fault.fault.reason !== 'access-denied') throw fault;
        notes.push(`${what} cannot be read: the role of the bot lacks the permission ${action}.`);
      } else {
        // A region without the service (NoSuchResourceException), throttling, or an internal error.
        if (!(error instanceof ServiceQuotasServiceException)) throw error;
        notes.push(`${what} cannot be read. Service Quotas: ${redact(`${error.name}: ${errorText(error)}`)}`);
      }
      return undefined;
    }
  };

/**
 * The quotas of a service whose names match, by the keys of `wanted`: the applied values, otherwise the defaults of
 * AWS. Each list is read once, and only until everything is found.
 */
export async function findQuotas<Wanted extends string>(
  serviceQuotas: ServiceQuotasClient,
  serviceCode: string,
  what: string,
  wanted: Readonly<Record<Wanted, (quotaName: string) => boolean>>,
  permitted: Permitted,
): Promise<Partial<Record<Wanted, Quota>>> {
  const query = { ServiceCode: serviceCode, MaxResults: 100 };
  const found: Partial<Record<Wanted, Quota>> = {};
  await permitted('servicequotas:ListServiceQuotas', serviceCode, what, () =>
    collect(paginateListServiceQuotas({ client: serviceQuotas }, query), 'applied', wanted, found),
  );
  if (missing(wanted, found).length === 0) return found;
  await permitted('servicequotas:ListAWSDefaultServiceQuotas', serviceCode, `The default of AWS (${what})`, () =>
    collect(paginateListAWSDefaultServiceQuotas({ client: serviceQuotas }, query), 'default', wanted, found),
  );
  return found;
}

const missing = <Wanted extends string>(
  wanted: Readonly<Record<Wanted, unknown>>,
  found: Partial<Record<Wanted, Quota>>,
): Wanted[] => namesOf(wanted).filter((name) => found[name] === undefined);

function namesOf<Wanted extends string>(wanted: Readonly<Record<Wanted, unknown>>): Wanted[] {
  const names: Wanted[] = [];
  for (const name in wanted) names.push(name);
  return names;
}

async function collect<Wanted extends string>(
  pages: AsyncIterable<{ Quotas?: ServiceQuota[] | undefined }>,
  source: Quota['source'],
  wanted: Readonly<Record<Wanted, (quotaName: string) => boolean>>,
  found: Partial<Record<Wanted, Quota>>,
): Promise<void> {
  for await (const page of pages) {
    for (const { QuotaName: name = '', Value: value } of page.Quotas ?? [])
      for (const key of missing(wanted, found))
        if (value !== undefined && wanted[key](name)) found[key] = { value, name, source };
    if (missing(wanted, found).length === 0) return;
  }
}
