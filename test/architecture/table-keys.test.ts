import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const SOURCE = new URL('../../src', import.meta.url).pathname;
/** A name in a text, and not in a comment. */
const NAMED = /['"`.](?:ResourceName|DateProjectCode)\b(?!Display)/;
/** A column of the CSV of a run: the name that the function reports. */
const ALLOWED = ["{ name: 'ResourceName', kind: 'text', read: (record) => ofProcessed(record)?.resourceName }"];

test('no code of the bot names the key attributes of the table: they come from DescribeTable', () => {
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  expect(files.length).toBeGreaterThan(100);
  const found = files.flatMap((name) =>
    readFileSync(join(SOURCE, name), 'utf8')
      .split('\n')
      .filter((line) => NAMED.test(line) && !/^\s*(?:\*|\/[/*])/.test(line))
      .filter((line) => !ALLOWED.some((allowed) => line.includes(allowed)))
      .map((line) => `${name}: ${line.trim()}`),
  );
  expect(found).toEqual([]);
});
