import { ErrorCode, WebAPIPlatformError } from '@slack/web-api';
import { describe, expect, test } from 'vitest';
import { FileUploadError } from '../../../../src/slack/client/file-upload.ts';
import { fileTroubleMessage } from '../../../../src/slack/messages/refusals/file-errors.ts';
import { ControlTableError } from '../../../../src/state/control-table.ts';

const AGAIN = '/rescan export failures';
const said = (error: unknown) => fileTroubleMessage(error, 'failed images', AGAIN).text;
const withCode = (code: string) => Object.assign(new Error(code), { code });

describe('a file that could not be shown', () => {
  test.each([
    [
      'Slack broke',
      new FileUploadError('failed-images.csv', 500),
      /Slack did not take the file of failed images: .*HTTP 500/,
    ],
    ['the disk is full', withCode('ENOSPC'), /disk of the bot is full/],
    ['the connection broke', withCode('ECONNRESET'), /Slack could not be reached/],
    ['it took too long', Object.assign(new Error('too long'), { name: 'TimeoutError' }), /Slack could not be reached/],
    ['a cause is behind it', new Error('failed', { cause: withCode('ENOTFOUND') }), /Slack could not be reached/],
  ])('is told, with how to try again: %s', (_, error, words) => {
    expect(said(error)).toMatch(words);
    expect(said(error)).toMatch(/`\/rescan export failures` tries again/);
  });

  test('as what it is made of could not be read, names the fault', () => {
    const fault = { reason: 'control-table', message: 'no answer', fix: 'Look at CONTROL_TABLE.' } as const;
    expect(said(new ControlTableError(fault, undefined))).toMatch(
      /failed images is made of could not be read.*\n.*no answer.*\nLook at CONTROL_TABLE/,
    );
  });

  test('for a reason that a person can mend names it', () => {
    const refused = new WebAPIPlatformError({ ok: false, error: 'missing_scope', response_metadata: {} });
    expect(refused.code).toBe(ErrorCode.PlatformError);
    expect(said(refused)).toMatch(/scope `files:write`/);
  });

  test('for a reason that nobody foresaw stays an error', () => {
    expect(() => said(new Error('a defect'))).toThrow('a defect');
  });
});
