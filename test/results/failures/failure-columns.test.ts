import { expect, test } from 'vitest';
import { csvBytes, csvHeader } from '../../../src/lib/csv/write.ts';
import { failureCsvColumns, failureRowOfRecord } from '../../../src/results/failures/failure-columns.ts';

test('the CSV of failures has the columns that spreadsheets already read, then those of the bot', () => {
  expect(csvHeader(failureCsvColumns)).toBe(
    'ImageKey,FailureTimestamp,FailureType,ErrorMessage,ErrorCode,OCRVersion,OCRBuildDate,OCRFullVersion,ModelId,' +
      'ProcessingTimeSeconds,InputTokens,OutputTokens,ValidationErrors,S3Bucket,ImageSize,AttemptNumber,' +
      'CloudWatchLogStream,RawOCROutput,StackTrace,Cause,CauseId,RecordedBy,RunId,RequestId,SettledBy\r\n',
  );
});

test('a record of the table becomes a row, with numbers as they are and values that are not text as JSON', async () => {
  const record = {
    ImageKey: { S: '=x.png' },
    FailureType: { S: 'OCR_ERROR' },
    ErrorMessage: { S: '-5 <!channel>, "bad"' },
    ProcessingTimeSeconds: { N: '-0.50' },
    AttemptNumber: { S: '2' },
    ValidationErrors: { L: [{ S: 'no hours' }] },
    S3Bucket: { NULL: true },
    Elsewhere: { S: 'left out' },
  };
  const chunks: Buffer[] = [];
  const row = { ...failureRowOfRecord(record), RecordedBy: 'table' };
  for await (const chunk of csvBytes(failureCsvColumns, [row])) chunks.push(chunk);
  expect(Buffer.concat(chunks.slice(1)).toString()).toBe(
    `'=x.png,,OCR_ERROR,"'-5 <!channel>, ""bad""",,,,,,-0.50,,,"{""L"":[{""S"":""no hours""}]}",,,2,,,,,,table,,,\r\n`,
  );
});

test('credentials in the texts of a record are removed, and keys are not changed', () => {
  const secret = 'Bearer abcdefghijklmnopqrstuvwxyz and AKIAIOSFODNN7EXAMPLE';
  const row = failureRowOfRecord({
    ImageKey: { S: 'AKIAIOSFODNN7EXAMPLE.png' },
    ErrorMessage: { S: secret },
    StackTrace: { S: `x = 1\n${secret}\n${'long '.repeat(500)}end` },
  });
  expect(row.ImageKey).toBe('AKIAIOSFODNN7EXAMPLE.png');
  expect(row.ErrorMessage).toBe('Bearer [redacted] and [key id]');
  expect(row.StackTrace).toMatch(/^x = 1\nBearer \[redacted\] and \[key id\]\n.*end$/);
});
