import { ErrorCode, WebAPIPlatformError } from '@slack/web-api';
import { describe, expect, test } from 'vitest';
import { FileUploadError } from '../../../../src/slack/client/file-upload.ts';
import { fileErrorMessage } from '../../../../src/slack/messages/refusals/file-errors.ts';
import { ControlTableError } from '../../../../src/state/table/control-table.ts';

const AGAIN = '/rescan export failures';
const said = (error: unknown) => fileErrorMessage(error, 'failed images', AGAIN).text;
const withCode = (code: string) => Object.assign(new Error(code), { code });

describe('the message about a file that was not uploaded', () => {
  test.each([
    [
      'Slack broke',
      new FileUploadError('failed-images.csv', 500),
      /^The file with failed images was not uploaded: Slack did not accept it.*HTTP 500/,
    ],
    ['the disk is full', withCode('ENOSPC'), /the disk of the machine where the bot runs is full/],
    ['the connection broke', withCode('ECONNRESET'), /Slack could not be reached/],
    ['it took too long', Object.assign(new Error('too long'), { name: 'TimeoutError' }), /Slack could not be reached/],
    ['a cause is behind it', new Error('failed', { cause: withCode('ENOTFOUND') }), /Slack could not be reached/],
  ])('names the cause and how to try again: %s', (_, error, text) => {
    expect(said(error)).toMatch(text);
    expect(said(error)).toMatch(/Try again with `\/rescan export failures`/);
  });

  test('names the fault where the data for the file could not be read', () => {
    const fault = { reason: 'control-table', message: 'no answer', fix: 'Look at CONTROL_TABLE.' } as const;
    expect(said(new ControlTableError(fault, undefined))).toMatch(
      /was not uploaded: .*\n.*no answer.*\nLook at CONTROL_TABLE/,
    );
  });

  test('names the fix where a person can fix the cause', () => {
    const refused = new WebAPIPlatformError({ ok: false, error: 'missing_scope', response_metadata: {} });
    expect(refused.code).toBe(ErrorCode.PlatformError);
    expect(said(refused)).toMatch(/scope `files:write`/);
  });

  test('throws an unexpected error again', () => {
    expect(() => said(new Error('unexpected'))).toThrow('unexpected');
  });
});
