import type { Quota } from '../../pipeline/limits/service-quota.ts';

/** What a limit means for a rescan. `unknown`: it could not be read; it never counts as `ok`. */
export type QuotaVerdict = 'ok' | 'tight' | 'blocking' | 'unknown';

/** One limit and its verdict. */
export interface QuotaLine {
  readonly limit:
    | 'model-requests'
    | 'model-tokens'
    | 'account-concurrency'
    | 'free-concurrency'
    | 'function'
    | 'table'
    | 'write-capacity'
    | 'textract';
  readonly verdict: QuotaVerdict;
  /** The name of the quota in Service Quotas, of the table or of the index. */
  readonly name?: string;
  readonly value?: number;
  /**
   * Service Quotas: the value of this account or the default of AWS. `setting`: a setting is used. `read`: another API.
   */
  readonly source?: Quota['source'] | 'setting' | 'read';
  /** How much of the limit the rescan would need, in the same unit. */
  readonly needs?: number;
}

export interface QuotaReport {
  readonly lines: readonly QuotaLine[];
  /** Images per minute that all limits together allow. */
  readonly pacePerMinute: number;
  /** The arithmetic, one line per limit. */
  readonly because: readonly string[];
  readonly maxInFlight: number;
  /** The limits that prevent any rescan. */
  readonly blocking: readonly QuotaLine[];
  /** What could not be read, and the missing permission. */
  readonly notes: readonly string[];
  /** The configuration of the function; undefined when it could not be read. */
  readonly functionTimeoutMs?: number;
  readonly functionMemoryMb?: number;
  readonly billing?: 'on-demand' | 'provisioned';
}
