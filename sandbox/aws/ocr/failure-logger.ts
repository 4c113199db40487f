import type { FunctionTable } from '../lambda/function-table.ts';
import { asPython, clientErrorText, type PythonError } from './python-error.ts';
import type { OcrVersion } from './timesheet.ts';

/** FailureType: the first rule that matches the error text (pipeline.md, "Failed-image records"). */
export function failureTypeOf(text: string): string {
  if (/parsing|json/i.test(text)) return 'PARSING_ERROR';
  if (/validation/i.test(text)) return 'VALIDATION_ERROR';
  if (/throttl/i.test(text)) return 'THROTTLING_ERROR';
  return /textract/i.test(text) ? 'TEXTRACT_ERROR' : 'OCR_ERROR';
}

/**
 * The failure logger of the pipeline's team. `broken`: the original one. It writes attributes that are not the key of
 * the table, prints a warning, and then prints that it logged the failure. `works`: with the key corrected.
 */
export async function logFailure(
  key: string,
  error: PythonError,
  ports: {
    readonly logger: 'broken' | 'none' | 'works';
    readonly table: FunctionTable;
    readonly tableName: string;
    readonly ocr: OcrVersion;
    readonly now: () => number;
    readonly log: (level: 'INFO' | 'WARN', message: string) => void;
  },
): Promise<void> {
  if (ports.logger === 'none') return;
  const stamp = new Date(ports.now()).toISOString();
  const item = {
    ImageKey: { S: key },
    FailureTimestamp: { S: stamp },
    RecordType: { S: 'FAILED_IMAGE' },
    FailureType: { S: failureTypeOf(error.message) },
    ErrorMessage: { S: error.message.slice(0, 5_000) },
    OCRVersion: { S: ports.ocr.version },
    AttemptNumber: { N: '1' },
  };
  const realKey = { ResourceName: { S: 'FAILED_IMAGE' }, DateProjectCode: { S: `${key}#${stamp}` } };
  await ports.table
    .put(ports.tableName, ports.logger === 'works' ? { ...item, ...realKey } : item)
    .catch((refusal: unknown) => {
      const { type, message } = asPython(refusal);
      ports.log('WARN', `⚠️  Could not save failed image record: ${clientErrorText(type, 'PutItem', message)}`);
    });
  ports.log('INFO', '📝 Logged failure to database');
}
