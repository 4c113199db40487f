import { describe, expect, test } from 'vitest';
import { LIMITS, withinLimits } from '../../../../src/slack/messages/kit/limits.ts';
import { failuresMessage } from '../../../../src/slack/messages/results/failures-message.ts';
import { causeTotals, failuresFound } from '../../../support/messages/result-builders.ts';
import { NOW } from '../../../support/messages/table-builders.ts';

const others = (images: number) => ({ names: images === 0 ? 0 : 5, totals: causeTotals({ images }) });
const shown = (found: ReturnType<typeof failuresFound>) => withinLimits(failuresMessage(found, NOW));

describe('the failures', () => {
  test('are counted by type and by who recorded them, with the newest as a table and a button for each cause', () => {
    const message = shown(failuresFound());
    expect(message.text).toBe(
      [
        '3 images failed: 3 TEXTRACT_ERROR.',
        '3 failures, recorded in the table and in a run.',
        '• `1 min ago` · `a/b.png` · `TEXTRACT_ERROR` · `Textract could not read the document 17`',
        '*3* (100 %) TEXTRACT_ERROR · `Textract could not read the document 17`',
        'Similar errors are grouped (numbers, ids and file names are ignored). Read from the table and `r-0001`.',
      ].join('\n'),
    );
    expect(message.blocks.map(({ type }) => type)).toEqual(['section', 'table', 'section', 'context', 'actions']);
    expect(message.plain?.map(({ type }) => type)).toEqual(['section', 'section', 'section', 'context', 'actions']);
    expect(JSON.stringify(message.blocks)).toContain('"value":"cause:1a2b3c4d5e"');
  });

  test('the failures message counts what it does not show: other causes, other types, records without an image, recovered images', () => {
    const top = Array.from({ length: 10 }, (_, n) => ({
      name: `c${n}`,
      totals: causeTotals({ images: 2, id: String(n).repeat(10) }),
    }));
    const { text } = shown(
      failuresFound({
        images: 1_000_030,
        settledImages: 4,
        byType: { OCR_ERROR: 1_000_000, ODD: 28 },
        ofOtherTypes: 2,
        failures: 1_000_040,
        inBoth: 10,
        inRunOnly: 15,
        unlogged: 5,
        inTableOnly: 1_000_015,
        nameless: 2,
        causes: { top, others: others(1_000_010) },
      }),
    );
    expect(text).toMatch(/^1,000,030 images failed: 1,000,000 OCR_ERROR, 28 ODD, 2 of other types\./);
    expect(text).toMatch(/4 failed earlier and have since succeeded/);
    expect(text).toMatch(/15 only in a run \(the function should have logged 5 of them in the table\)/);
    expect(text).toMatch(/2 failure records name no image/);
    expect(text).toMatch(/1,000,014 images more with other causes/);
  });

  test('that have all been repaired are reported as none, and the recorded ones can still be exported', () => {
    const none = { images: 0, byType: {}, causes: { top: [], others: others(0) }, newest: [] };
    const settled = shown(failuresFound({ ...none, settledImages: 3 }));
    expect(settled.text).toMatch(/^No failed images\.\n3 failed earlier and have since succeeded\./);
    expect(JSON.stringify(settled.blocks)).toContain('failures_export');
    const never = shown(failuresFound({ ...none, failures: 0 }));
    expect(never.text).toMatch(/^No failed images\./);
    expect(JSON.stringify(never.blocks)).not.toContain('action_id');
  });

  test('the failures message keeps within Slack’s limits and mentions nobody, with hostile texts', () => {
    const hostile = `<!channel> \`\`\`*x* ${'長'.repeat(5_000)}`;
    const [newest] = failuresFound().totals.newest;
    if (!newest) throw new Error('a builder without a failure');
    const message = shown(
      failuresFound({
        byType: Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`${hostile}${n}`, 1])),
        causes: {
          top: Array.from({ length: 10 }, () => ({
            name: hostile,
            totals: causeTotals({ example: hostile, failureType: hostile }),
          })),
          others: others(0),
        },
        newest: Array.from({ length: 10 }, () => ({
          ...newest,
          imageKey: hostile,
          failureType: hostile,
          row: { ErrorMessage: hostile },
        })),
      }),
    );
    const mrkdwn = [...JSON.stringify(message.blocks).matchAll(/"type":"mrkdwn","text":("(?:[^"\\]|\\.)*")/g)].map(
      (match) => String(JSON.parse(match[1] ?? '""')),
    );
    for (const text of [message.text, ...mrkdwn]) {
      expect(text).not.toContain('<!channel>');
      expect(text.length).toBeLessThanOrEqual(LIMITS.text);
    }
    const table = message.blocks.find(({ type }) => type === 'table');
    expect(JSON.stringify(table).length).toBeLessThanOrEqual(LIMITS.tableText + 500);
  });
});
