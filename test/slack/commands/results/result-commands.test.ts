import { describe, expect, test } from 'vitest';
import { readRetryValue } from '../../../../src/slack/actions/result-actions.ts';
import { readRetry } from '../../../../src/slack/commands/parse/retry-request.ts';

const chosen = (rest: string) => {
  const read = readRetry(rest);
  if (!read.ok) throw new Error(read.line);
  return read.value.setting.kind === 'failed' ? read.value.setting.choice : undefined;
};
const refused = (rest: string) => {
  const read = readRetry(rest);
  return read.ok ? undefined : read.line;
};

describe('/rescan retry', () => {
  test('without more is every failed image; a type in any case, a cause, or both narrow it', () => {
    expect(chosen('')).toEqual({});
    expect(chosen('type=textract_error')).toEqual({ failureType: 'TEXTRACT_ERROR' });
    expect(chosen('cause=htjvkwmxny type=OCR_ERROR')).toEqual({ failureType: 'OCR_ERROR', causeId: 'htjvkwmxny' });
    // As an older version wrote it.
    expect(chosen('cause=1a2b3c4d5e')).toEqual({ causeId: 'htjvkwmxny' });
  });

  test('takes images by key, exactly, with spaces and quotes in any kind of quotes', () => {
    const keys = (rest: string) => [...(chosen(rest)?.images ?? [])];
    expect(keys(`a.png "week 12/Nik Coultas.png" 'say "hi".png' “it's.png” a.png`)).toEqual([
      'a.png',
      'week 12/Nik Coultas.png',
      'say "hi".png',
      "it's.png",
    ]);
    expect(keys('odd=name.png')).toEqual(['odd=name.png']);
  });

  test('review, in any spelling, is the images that need a review, and an image with that name has a file ending', () => {
    expect(readRetry('review')).toMatchObject({ ok: true, value: { setting: { kind: 'needs-review' } } });
    expect(readRetry('Review.')).toMatchObject({ ok: true, value: { setting: { kind: 'needs-review' } } });
    expect([...(chosen('review.png')?.images ?? [])]).toEqual(['review.png']);
  });

  test('refuses what it does not understand, and does nothing', () => {
    expect(refused('type=TEXTRACT_EROR')).toMatch(/Did you mean `TEXTRACT_ERROR`/);
    expect(refused('cause=xyz')).toMatch(/is not the id of a cause/);
    expect(refused('a.png type=OCR_ERROR')).toMatch(/not both/);
    expect(refused('"open')).toMatch(/A quote is not closed/);
    expect(refused('cause=1a2b3c4d5e cause=1a2b3c4d5e')).toMatch(/given twice/);
  });
});

describe('a retry button', () => {
  test('holds which images, by nothing that a restart could lose; what it does not know it does not do', () => {
    expect(readRetryValue('cause:htjvkwmxny')?.setting).toEqual({ kind: 'failed', choice: { causeId: 'htjvkwmxny' } });
    // A button of an older version.
    expect(readRetryValue('cause:1a2b3c4d5e')?.setting).toEqual({ kind: 'failed', choice: { causeId: 'htjvkwmxny' } });
    expect(readRetryValue('without-rows@r-0001')).toMatchObject({ runId: 'r-0001', setting: { withUnclear: true } });
    expect(readRetryValue('all@nothing')).toBeUndefined();
    expect(readRetryValue('all')?.setting).toEqual({ kind: 'failed', choice: {} });
    expect(readRetryValue('unaccounted')?.setting).toEqual({ kind: 'unaccounted' });
    for (const value of ['', 'cause:', 'cause:1A2B3C4D5E', 'cause:1a2b3c4d5e\n', 'r-0001'])
      expect(readRetryValue(value)).toBeUndefined();
  });
});
