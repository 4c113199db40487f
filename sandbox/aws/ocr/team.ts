import type { Item, OcrVersion, TableKeys, Timesheet } from './timesheet.ts';
import { recordsOf, seedKey, seedTimesheet } from './timesheet.ts';

/** What the function of a team stores of an image, and what it replies. */
export interface Team {
  /** `at`: time of storing, epoch ms. */
  readonly recordsOf: (sheet: Timesheet, image: string, at: number, ocr: OcrVersion) => Item[];
  readonly processed: (about: {
    readonly image: string;
    readonly stored: number;
    readonly sheet: Timesheet;
    readonly seconds: number;
  }) => object;
  /** The reply where nothing was read; undefined where the function rejects no image. */
  readonly nothing: (image: string, person: string, seconds: number) => object;
  readonly rejected: object;
  /** Records without an image, as people write them by hand. */
  readonly byHand: readonly Item[];
  readonly seedKey: (index: number) => string;
}

const DAY_MS = 86_400_000;
const cost = 0.00182;
const valid = { valid: true, errors: [], warnings: [] };

const timesheetBody = (image: string, stored: number, person: string, dates: string, seconds: number) => ({
  message: 'Timesheet processed',
  source_image: image,
  entries_stored: stored,
  resource_name: person,
  date_range: dates,
  processing_time_seconds: seconds,
  cost_estimate_usd: cost,
  validation: valid,
});

const endOf = (week: string) => new Date(Date.parse(week) + 6 * DAY_MS).toISOString().slice(0, 10);

/** The timesheet pipeline (pipeline.md). */
export const TIMESHEET_TEAM: Team = {
  recordsOf,
  processed: ({ image, stored, sheet: { person, week }, seconds }) =>
    timesheetBody(image, stored, person, `${week} to ${endOf(week)}`, seconds),
  nothing: (image, person, seconds) => timesheetBody(image, 0, person, '', seconds),
  rejected: { message: 'Timesheet rejected', rejected: true, reason: 'Timesheet is not Posted', status: 'Draft' },
  byHand: (
    [
      ['2025-08-11', '3.5'],
      ['2025-08-12', '7'],
      ['2025-08-13', '1.25'],
    ] as const
  ).map(([date, hours]) => ({
    ResourceName: { S: 'Nik_Coultas' },
    DateProjectCode: { S: `${date}#PJ099999` },
    Date: { S: date },
    ProjectCode: { S: 'PJ099999' },
    ProjectName: { S: 'Corrected by hand' },
    Hours: { N: hours },
    ResourceNameDisplay: { S: 'Nik Coultas' },
    YearMonth: { S: '2025-08' },
    ProjectCodeGSI: { S: 'PJ099999' },
  })),
  seedKey: (index) => seedKey(seedTimesheet(index), index),
};

/** How the table of the invoices is keyed: by the number alone (a text), or by the supplier and a numeric number. */
export const INVOICE_TABLES = ['hash-only', 'numeric'] as const;
export type InvoiceTable = (typeof INVOICE_TABLES)[number];

export const invoiceKeys = (table: InvoiceTable): TableKeys =>
  table === 'hash-only' ? { hash: 'InvoiceNumber' } : { hash: 'Supplier', range: 'InvoiceNumber', rangeType: 'N' };
