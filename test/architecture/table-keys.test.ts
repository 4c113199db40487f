import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const SOURCE = new URL('../../src', import.meta.url).pathname;
/** A name in a text, and not in a comment. */
const NAMED = /['"`.](?:ResourceName|DateProjectCode)\b(?!Display)/;
/** A column of the CSV of a run: the name that the function reports. */
const ALLOWED = ["column: 'ResourceName'"];
/** Names of one pipeline: only its profile has them. */
const OF_ONE_PIPELINE =
  /['"`.](?:SourceImage|ProcessingTimestamp|ResourceNameDisplay|WeekStartDate|WeekEndDate|WeeksSubmitted|TotalWeeks|IsZeroHourTimesheet|ZeroHourReason|ProjectCode|ProjectCodeGSI|YearMonth|Hours|REJECTED#|WEEK#|OCR_VERSION\.txt)['"`\b#;)\s]|\b(?:entries_stored|resource_name|date_range|cost_estimate_usd)\b/;
const PROFILES = ['pipeline/profile/timesheets.ts', 'pipeline/profile/profile.ts'];

test('no code of the bot names the key attributes of the table: they come from DescribeTable', () => {
  expect(linesWith(NAMED).filter((line) => !ALLOWED.some((allowed) => line.includes(allowed)))).toEqual([]);
  for (const allowed of ALLOWED)
    expect(
      linesWith(NAMED).some((line) => line.includes(allowed)),
      allowed,
    ).toBe(true);
});

test('only a profile names the attributes of the records and replies of one pipeline', () => {
  expect(linesWith(OF_ONE_PIPELINE).filter((line) => !PROFILES.some((file) => line.startsWith(file)))).toEqual([]);
  expect(linesWith(OF_ONE_PIPELINE).length).toBeGreaterThan(10);
});

/** The lines of code, without comments, that match: `file: line`. */
function linesWith(pattern: RegExp): readonly string[] {
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  expect(files.length).toBeGreaterThan(100);
  return files.flatMap((name) =>
    readFileSync(join(SOURCE, name), 'utf8')
      .split('\n')
      .filter((line) => pattern.test(line) && !/^\s*(?:\*|\/[/*])/.test(line))
      .map((line) => `${name}: ${line.trim()}`),
  );
}
