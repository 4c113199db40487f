import { describe, expect, test } from 'vitest';
import { checkBlocks } from '../../../../sandbox/slack/rules/block-check.ts';
import type { QuotaLine, QuotaReport } from '../../../../src/checklist/contracts/quota-report.ts';
import { quotaMessage } from '../../../../src/slack/messages/checklist/quota-message.ts';
import { withinLimits } from '../../../../src/slack/messages/kit/limits.ts';

const reportOf = (changes: Partial<QuotaReport> = {}): QuotaReport => ({
  lines: [
    { limit: 'model-requests', verdict: 'ok', name: 'Requests for Nova Lite', value: 200, source: 'applied' },
    {
      limit: 'model-tokens',
      verdict: 'tight',
      name: 'Tokens for Nova Lite',
      value: 150_000,
      source: 'default',
      needs: 160_000,
    },
    { limit: 'account-concurrency', verdict: 'ok', value: 1_000, source: 'read' },
    { limit: 'free-concurrency', verdict: 'ok', value: 900, source: 'read', needs: 16 },
    { limit: 'write-capacity', verdict: 'tight', name: 'YearMonthIndex', value: 6, source: 'read', needs: 27 },
    { limit: 'textract', verdict: 'ok', name: 'AnalyzeDocument', value: 10, source: 'applied', needs: 3 },
  ],
  pacePerMinute: 36,
  because: ['Requests for Nova Lite: 200 requests a minute × 80 % = 160', 'YearMonthIndex: 6 × 60 ÷ 10 = 36'],
  maxInFlight: 50,
  blocking: [],
  notes: [],
  functionTimeoutMs: 300_000,
  functionMemoryMb: 1_024,
  billing: 'provisioned',
  ...changes,
});

describe('the answer to /rescan quotas', () => {
  test('says each limit with its verdict, the pace that follows, and the arithmetic', () => {
    expect(quotaMessage(reportOf()).text.split('\n')).toEqual([
      'Quotas allow 36 images a minute, 50 at once. No limit blocks.',
      ':white_check_mark: ok · Model: 200 requests a minute, applied to this account (Requests for Nova Lite)',
      ':warning: tight · Model: 150,000 tokens a minute, AWS’s default; the pace needs 160,000 (Tokens for Nova Lite)',
      ':white_check_mark: ok · Lambda: 1,000 concurrent executions in the account',
      ':white_check_mark: ok · Lambda: 900 of them unreserved; the pace needs 16; timeout 5 min, 1,024 MB',
      ':warning: tight · Table: `YearMonthIndex` takes 6 write units a second; the pace needs 27',
      ':white_check_mark: ok · Textract: 10 a second, applied to this account; the pace needs 3 (AnalyzeDocument)',
      'To raise a quota: AWS console → Service Quotas → the service → the name shown here.',
      'Calculation: Requests for Nova Lite: 200 requests a minute × 80 % = 160 · YearMonthIndex: 6 × 60 ÷ 10 = 36',
    ]);
  });

  test('names first what blocks, and no pace', () => {
    const blocking: QuotaLine[] = [
      { limit: 'model-tokens', verdict: 'blocking', name: 'Tokens for Nova Lite', value: 0, source: 'applied' },
      { limit: 'function', verdict: 'blocking', value: 0, source: 'read', needs: 16 },
    ];
    const { text } = quotaMessage(
      reportOf({ lines: blocking, blocking, pacePerMinute: 0, because: ['Requests: 1 × 80 % = 1'] }),
    );
    expect(text.split('\n')).toEqual([
      'Quotas block a rescan: the model takes no tokens; the function’s reserved concurrency is 0, so Lambda does not run it.',
      ':no_entry: blocking · Model: 0 tokens a minute, applied to this account (Tokens for Nova Lite)',
      ':no_entry: blocking · Function: 0 reserved for it; the pace needs 16; timeout 5 min, 1,024 MB',
      'To raise a quota: AWS console → Service Quotas → the service → the name shown here.',
      'Calculation: Requests: 1 × 80 % = 1',
    ]);
  });

  test('a quota message names unknown limits and missing permissions, and links no console for them', () => {
    const { functionTimeoutMs: _, functionMemoryMb: __, billing: ___, ...rest } = reportOf();
    const { text } = quotaMessage({
      ...rest,
      lines: [
        { limit: 'model-requests', verdict: 'unknown', value: 200, source: 'setting' },
        { limit: 'model-tokens', verdict: 'unknown' },
        { limit: 'account-concurrency', verdict: 'unknown' },
        { limit: 'free-concurrency', verdict: 'unknown' },
        { limit: 'table', verdict: 'unknown' },
      ],
      pacePerMinute: 160,
      because: ['The model: 200 requests a minute × 80 % = 160', 'Free Lambda concurrency: unknown'],
      notes: ['The Bedrock quota cannot be read: the bot is not allowed servicequotas:ListServiceQuotas.'],
    });
    expect(text.split('\n')).toEqual([
      'Quotas allow 160 images a minute, 50 at once. No limit that could be read blocks.',
      ':grey_question: unknown · Model: 200 requests a minute, from the setting, because Service Quotas could not be read',
      ':grey_question: unknown · Model: tokens a minute',
      ':grey_question: unknown · Lambda: concurrency of the account',
      ':grey_question: unknown · Lambda: unreserved concurrency',
      ':grey_question: unknown · Table: billing mode',
      ':grey_question: The Bedrock quota cannot be read: the bot is not allowed servicequotas:ListServiceQuotas.',
      'Calculation: The model: 200 requests a minute × 80 % = 160 · Free Lambda concurrency: unknown',
    ]);
  });

  test('asks for the tokens of an image where only those are missing, and says nothing blocks', () => {
    const tokens: QuotaLine = {
      limit: 'model-tokens',
      verdict: 'unknown',
      name: 'Tokens',
      value: 400_000,
      source: 'applied',
    };
    const { text } = quotaMessage(
      reportOf({ lines: [tokens, { limit: 'table', verdict: 'ok', name: 'Entries', source: 'read' }] }),
    );
    expect(text.split('\n').slice(0, 3)).toEqual([
      'Quotas allow 36 images a minute, 50 at once. No limit blocks.',
      ':grey_question: unknown · Model: 400,000 tokens a minute, applied to this account; set `TOKENS_PER_IMAGE` to the tokens that an image needs (Tokens)',
      ':white_check_mark: ok · Table: on demand, no write limit',
    ]);
    expect(text).not.toContain('console');
  });

  test('takes names from outside for text, and fits Slack', () => {
    const name = '<!channel> `x` & <https://evil.example|click>';
    const lines: QuotaLine[] = Array.from({ length: 25 }, (_, at) => ({
      limit: 'write-capacity',
      verdict: 'tight',
      name: `${name}${at}`.padEnd(255, 'x'),
      value: 1,
      source: 'read',
      needs: 2,
    }));
    const message = withinLimits(quotaMessage(reportOf({ lines, notes: [name], because: [name] })));
    expect(message.text).not.toContain('<!channel>');
    expect(checkBlocks(message.blocks, 'message')).toEqual([]);
  });
});
