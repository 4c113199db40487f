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

/** A quota found by its name, as AWS words it: as it applies to this account, or what AWS gives every account. */
export interface Quota {
  readonly value: number;
  readonly name: string;
  readonly source: 'applied' | 'default';
}

/**
 * The result, or undefined with a note where it is not permitted, or Service Quotas does not tell: a limit that is not known
 * keeps no rescan from starting. @throws FaultError for credentials, the network and what is missing, or the SDK's error.
 */
export type Permitted = <T>(
  action: string,
  resource: string,
  what: string,
  read: () => Promise<T>,
) => Promise<T | undefined>;

/** Reads what may be read, and puts a note for people where a permission is lacking. */
export const permittedOrNoted =
  (notes: string[]): Permitted =>
  async (action, resource, what, read) => {
    try {
      return await read();
    } catch (error) {
      const fault = asFaultError(error, { service: action.split(':')[0] ?? '', action, resource });
      if (fault instanceof FaultError) {
        if (fault.fault.reason !== 'access-denied') throw fault;
        notes.push(`${what} cannot be read: the bot is not allowed ${action}.`);
      } else {
        // A region without the service (NoSuchResourceException), too many calls, trouble of its own.
        if (!(error instanceof ServiceQuotasServiceException)) throw error;
        notes.push(`${what} cannot be read: Service Quotas says ${redact(`${error.name}: ${errorText(error)}`)}`);
      }
      return undefined;
    }
  };

/**
 * The quotas of a service whose names match, by the names they are asked for under: as applied to this account, else AWS's
 * default. Each list is paged through once, and no further than until all are found.
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
  await permitted('servicequotas:ListAWSDefaultServiceQuotas', serviceCode, `The AWS default of it: ${what}`, () =>
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
