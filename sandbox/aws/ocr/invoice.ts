import { createHash } from 'node:crypto';
import type { InvoiceTable, Team } from './team.ts';
import { type Item, type OcrVersion, seedKey, seedTimesheet, type Timesheet } from './timesheet.ts';

/**
 * The pipeline of another team (invoices.yml): one record an invoice, no weeks and no coverage records. The images are those of the
 * timesheets: the person is the supplier, and the hours are worth 100 EUR each.
 */
export function invoiceTeam(table: InvoiceTable): Team {
  const numberOf = (digits: string) => (table === 'numeric' ? { N: digits } : { S: `INV-${digits}` });
  const body = (supplier: string, lines: number, date: string) => ({
    message: 'Invoice read',
    lines_stored: lines,
    supplier,
    invoice_date: date,
  });
  const byHand = (digits: string, total: string): Item => ({
    InvoiceNumber: numberOf(digits),
    Supplier: { S: 'Nik Coultas' },
    InvoiceDate: { S: '2025-08-11' },
    Total: { N: total },
  });
  return {
    recordsOf: (sheet, image, at, ocr) => [recordOf(sheet, image, at, ocr, numberOf)],
    processed: ({ stored, sheet: { person, week } }) => body(person, stored, week),
    nothing: (_, supplier) => body(supplier, 0, ''),
    rejected: { message: 'Not an invoice', rejected: true, reason: 'The image is not an invoice' },
    byHand: [byHand('100000001', '350'), byHand('100000002', '700'), byHand('100000003', '125')],
    seedKey: (index) => seedKey(seedTimesheet(index), index),
  };
}

/** The number that is printed on the invoice: nine digits, the same for the same image. */
const digitsOf = (image: string): string =>
  String(200_000_000 + (createHash('sha256').update(image).digest().readUInt32BE() % 700_000_000));

function recordOf(
  sheet: Timesheet,
  image: string,
  at: number,
  ocr: OcrVersion,
  numberOf: (digits: string) => Item[string],
): Item {
  const cents = sheet.entries.reduce((sum, { hours }) => sum + Math.round(Number(hours) * 100) * 100, 0);
  return {
    InvoiceNumber: numberOf(digitsOf(image)),
    Supplier: { S: sheet.person },
    InvoiceDate: { S: sheet.week },
    Document: { S: image },
    StoredAt: { S: new Date(at).toISOString() },
    ReaderVersion: { S: ocr.version },
    ...(sheet.status === 'Draft'
      ? { Outcome: { S: 'NOT_AN_INVOICE' } }
      : { Outcome: { S: 'READ' }, Total: { N: String(cents / 100) }, Lines: { N: String(sheet.entries.length) } }),
  };
}
