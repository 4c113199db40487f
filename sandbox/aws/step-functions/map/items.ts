import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { StateError } from '../errors.ts';
import { parseCsv } from './csv.ts';

const DELIMITERS = { COMMA: ',', PIPE: '|', SEMICOLON: ';', SPACE: ' ', TAB: '\t' } as const;
export const READER = 'arn:aws:states:::s3:getObject';

/** The ItemReader of a Map state. */
export const readerSchema = z.looseObject({
  Resource: z.literal(READER),
  ReaderConfig: z.strictObject({
    InputType: z.enum(['CSV', 'JSON', 'JSONL']),
    CSVHeaderLocation: z.enum(['FIRST_ROW', 'GIVEN']).optional(),
    CSVHeaders: z.array(z.string()).optional(),
    CSVDelimiter: z.enum(['COMMA', 'PIPE', 'SEMICOLON', 'SPACE', 'TAB']).optional(),
    MaxItems: z.number().int().min(0).optional(),
    MaxItemsPath: z.string().optional(),
  }),
});
export type Reader = z.infer<typeof readerSchema>;
const locationSchema = z.strictObject({ Bucket: z.string(), Key: z.string(), VersionId: z.string().optional() });

const failed = (cause: string): StateError => new StateError('States.ItemReaderFailed', cause);

/** The items that a Map state reads from S3. @throws StateError States.ItemReaderFailed */
export async function readItems(
  s3: S3Client,
  reader: Reader,
  location: unknown,
  options: { readonly maxItems?: number | undefined; readonly isDenied: boolean },
): Promise<readonly unknown[]> {
  const at = locationSchema.safeParse(location);
  if (!at.success) throw failed(`The Parameters of the ItemReader are not valid: ${at.error.message}`);
  const { Bucket, Key } = at.data;
  if (options.isDenied)
    throw failed(`Attempting to perform an operation on S3 object s3://${Bucket}/${Key} failed: Access Denied`);
  let text: string;
  try {
    const found = await s3.send(new GetObjectCommand(at.data));
    text = (await found.Body?.transformToString('utf-8')) ?? '';
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw failed(`Attempting to read S3 object s3://${Bucket}/${Key} failed: ${cause}`);
  }
  const items = itemsIn(text, reader.ReaderConfig);
  const most = options.maxItems ?? reader.ReaderConfig.MaxItems ?? 0;
  return most > 0 ? items.slice(0, most) : items;
}

function itemsIn(text: string, config: Reader['ReaderConfig']): readonly unknown[] {
  switch (config.InputType) {
    case 'CSV': {
      const rows = parseCsv(text, DELIMITERS[config.CSVDelimiter ?? 'COMMA']);
      const [headers, records] =
        config.CSVHeaderLocation === 'FIRST_ROW' ? [rows[0] ?? [], rows.slice(1)] : [config.CSVHeaders ?? [], rows];
      return records.map((record) => Object.fromEntries(headers.map((header, at) => [header, record[at] ?? ''])));
    }
    case 'JSONL':
      return text
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map(json);
    case 'JSON': {
      const items = json(text);
      if (!Array.isArray(items)) throw failed('The JSON file of the ItemReader does not contain an array.');
      return items;
    }
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw failed(`The file of the ItemReader is not valid JSON: ${error instanceof Error ? error.message : error}`);
  }
}

const batcherSchema = z.looseObject({
  MaxItemsPerBatch: z.number().int().min(0).optional(),
  MaxInputBytesPerBatch: z.number().int().min(0).optional(),
  BatchInput: z.unknown().optional(),
});

/** The inputs of the children: one for each item, or for each batch of items. */
export function childInputs(
  items: readonly unknown[],
  batcher: unknown,
): readonly { readonly input: unknown; readonly itemCount: number }[] {
  if (batcher === undefined) return items.map((input) => ({ input, itemCount: 1 }));
  const { MaxItemsPerBatch = 0, MaxInputBytesPerBatch = 0, BatchInput } = batcherSchema.parse(batcher);
  const mostItems = MaxItemsPerBatch || Number.POSITIVE_INFINITY;
  const mostBytes = MaxInputBytesPerBatch || Number.POSITIVE_INFINITY;
  const inputOf = (batch: readonly unknown[]) => ({
    ...(BatchInput === undefined ? {} : { BatchInput }),
    Items: batch,
  });
  const batches: unknown[][] = [];
  for (const item of items) {
    const last = batches.at(-1);
    const fits =
      last !== undefined &&
      last.length < mostItems &&
      (mostBytes === Number.POSITIVE_INFINITY ||
        Buffer.byteLength(JSON.stringify(inputOf([...last, item]))) <= mostBytes);
    if (fits) last.push(item);
    else batches.push([item]);
  }
  return batches.map((batch) => ({ input: inputOf(batch), itemCount: batch.length }));
}
