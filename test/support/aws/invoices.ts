import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CreateTableCommand, type DynamoDBClient, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import type { Profile } from '../../../src/pipeline/profile/profile.ts';
import { readProfileText } from '../../../src/pipeline/profile/read-profile.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import type { RecordShape } from '../../../src/pipeline/table/records.ts';
import type { TableKey } from '../../../src/pipeline/table/table.ts';

const FILE = fileURLToPath(new URL('../../../sandbox/aws/ocr/invoices.yml', import.meta.url));

function readInvoices(): Profile {
  const read = readProfileText(readFileSync(FILE, 'utf8'), FILE);
  if (!read.ok) throw new Error(read.refusal.join('\n'));
  return read.value;
}

/** The profile of the sandbox's second pipeline (docs/profiles.md). */
export const INVOICES = readInvoices();

/** The two tables that the invoices may have. */
export const INVOICE_TABLES = {
  'a partition key only': [{ name: 'InvoiceNumber', type: 'S', role: 'HASH' }],
  'a numeric sort key': [
    { name: 'Supplier', type: 'S', role: 'HASH' },
    { name: 'InvoiceNumber', type: 'N', role: 'RANGE' },
  ],
} as const satisfies Record<string, readonly TableKey[]>;
export type InvoiceTable = keyof typeof INVOICE_TABLES;

export const invoiceShape = (of: InvoiceTable, profile: Profile = INVOICES): RecordShape =>
  of === 'a partition key only'
    ? { hash: 'InvoiceNumber', profile }
    : { hash: 'Supplier', range: 'InvoiceNumber', profile };

export async function createInvoiceTable(dynamodb: DynamoDBClient, name: string, of: InvoiceTable): Promise<void> {
  const keys: readonly TableKey[] = INVOICE_TABLES[of];
  await dynamodb.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: keys.map(({ name: AttributeName, role: KeyType }) => ({ AttributeName, KeyType })),
      AttributeDefinitions: keys.map(({ name: AttributeName, type: AttributeType }) => ({
        AttributeName,
        AttributeType,
      })),
    }),
  );
  await waitUntilTableExists({ client: dynamodb, maxWaitTime: 10, minDelay: 0.02, maxDelay: 0.1 }, { TableName: name });
}

/** An invoice as the function stores it. */
export const invoice = (of: InvoiceTable, number: number, more: Item = {}): Item => ({
  InvoiceNumber: of === 'a numeric sort key' ? { N: String(number) } : { S: `INV-${number}` },
  Supplier: { S: `Supplier ${number % 3}` },
  InvoiceDate: { S: `2025-09-${String(1 + (number % 28)).padStart(2, '0')}` },
  Total: { N: '100.5' },
  Document: { S: `2025/invoice_${number}.png` },
  StoredAt: { S: '2025-11-21T10:00:00.000Z' },
  ReaderVersion: { S: '1' },
  ...more,
});
