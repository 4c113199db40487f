import { defined } from '../../lib/defined.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import { normalisePerson } from '../../pipeline/table/image-rows.ts';
import { attributeOf, type Item, textOf } from '../../pipeline/table/item.ts';
import { kindOfRecord, type RecordShape } from '../../pipeline/table/records.ts';
import type { OutcomeRecord } from '../model/types.ts';

/** The rows that an invocation says it wrote. */
export interface RowClaim {
  readonly key: string;
  /** When the invocation started, epoch ms. */
  readonly startedAt: number;
  readonly resourceName?: string;
  readonly dateRange?: string;
}

/**
 * Whether an outcome says that rows were written: the image was processed and the function reported at least one entry.
 * Rejected images, images with 0 entries, and replies without a number claim nothing.
 */
export const claimsRows = ({ outcome }: Pick<OutcomeRecord, 'outcome'>): boolean =>
  outcome.kind === 'processed' && (outcome.entriesStored ?? 0) > 0;

/** The claim of an outcome; undefined where it claims no rows. */
export function claimOf(record: OutcomeRecord): RowClaim | undefined {
  const { key, startedAt, outcome } = record;
  if (outcome.kind !== 'processed' || !claimsRows(record)) return;
  return defined({ key, startedAt, resourceName: outcome.resourceName, dateRange: outcome.dateRange });
}

/** The outcome `no-rows` in place of `processed`, for the same invocation; empty for any other outcome. */
export function noRowsOf(record: OutcomeRecord): readonly OutcomeRecord[] {
  const { outcome } = record;
  if (outcome.kind !== 'processed') return [];
  const { entriesStored = 0 } = outcome;
  return [{ ...record, outcome: { ...outcome, kind: 'no-rows', entriesStored } }];
}

/** The time between two dates, `2025-09-29`, both included. */
export interface Dates {
  readonly from: string;
  readonly to: string;
}

/** Records of one person: what they are about, and when the newest was written (epoch ms, 0 when unknown). */
export interface WrittenRows extends Dates {
  readonly newestAt: number;
}

/** How far the clock of the function may be behind that of the bot, ms. */
export const CLOCK_SKEW_MS = 60_000;

/** Records of which the dates are unknown may be about any time. */
export const ANY_TIME: Dates = { from: '', to: '\uffff' };
const DATE = /\d{4}-\d{2}-\d{2}/g;

/** The first and the last date in a text such as `2025-09-29 to 2025-10-05`; any time when it has none. */
export function datesIn(text: string | undefined): Dates {
  const dates = (text?.match(DATE) ?? []).sort();
  const [from] = dates;
  return from === undefined ? ANY_TIME : { from, to: dates.at(-1) ?? from };
}

/** An ISO time in an attribute as epoch ms; 0 when it is not a time. */
export function timeIn(item: Item, name: string | undefined): number {
  const at = Date.parse((name === undefined ? undefined : textOf(attributeOf(item, name))) ?? '');
  return Number.isNaN(at) ? 0 : at;
}

/**
 * What a record says about overwriting: an entry, a zero-hour week or a rejected sheet replaces what an earlier image of
 * the same person and week wrote. A coverage record or a failed image replaces nothing: undefined.
 */
export function writtenRowsOf(item: Item, keys: RecordShape): WrittenRows | undefined {
  const kind = kindOfRecord(item, keys);
  if (kind === 'coverage' || kind === 'failed') return;
  const { date, record } = keys.profile;
  const text = (name: string | undefined) => (name === undefined ? '' : (textOf(attributeOf(item, name)) ?? ''));
  const span = datesIn(`${text(date?.firstDay)} ${text(date?.lastDay)}`);
  const inKey = date?.inSortKey ? text(keys.range) : '';
  const dates = span === ANY_TIME ? datesIn(`${text(date?.day)} ${inKey}`) : span;
  return { ...dates, newestAt: timeIn(item, record.writtenAt) };
}

/** The people whose record it is, by key and by display name, normalised. */
export function peopleOf(item: Item, { hash, profile: { person } }: RecordShape): readonly string[] {
  if (!person) return [];
  const names = [person.attribute ?? hash, person.displayName].map((name) =>
    name === undefined ? undefined : textOf(attributeOf(item, name)),
  );
  return [...new Set(names.flatMap((name) => (name === undefined ? [] : [normalisePerson(name)])))];
}

/** Whether rows were certainly written before an invocation. Rows without a time count as newer. */
export const isBefore = (writtenAt: number, startedAt: number, clockSkewMs = CLOCK_SKEW_MS): boolean =>
  writtenAt > 0 && writtenAt < startedAt - clockSkewMs;

/**
 * Whether rows of another image may have replaced the rows of a claim: they are about the same time and were not written
 * before it. Where neither side has dates or a time, they may have.
 */
export function mayReplace(
  rows: WrittenRows,
  claim: Pick<RowClaim, 'startedAt' | 'dateRange'>,
  clockSkewMs = CLOCK_SKEW_MS,
): boolean {
  const { from, to } = datesIn(claim.dateRange);
  return rows.from <= to && rows.to >= from && !isBefore(rows.newestAt, claim.startedAt, clockSkewMs);
}

/** The attributes that a lookup needs, besides the key and those that tell the kind. */
export const proofAttributes = ({ record, date, person }: Profile): readonly string[] =>
  [
    record.image,
    record.writtenAt,
    date?.day,
    date?.firstDay,
    date?.lastDay,
    person?.attribute,
    person?.displayName,
  ].filter((name) => name !== undefined);
