import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGES = ['*.md', 'docs/*.md', 'deploy/*.md'].flatMap((glob) => globSync(glob, { cwd: ROOT }));
const SETTINGS = new Set(
  [...readFileSync(join(ROOT, 'docs/settings.md'), 'utf8').matchAll(/^\| `([A-Z0-9_]+)` \|/gm)].map(([, name]) => name),
);
/** Names in capitals that are no settings of the bot. */
const OTHERS =
  /^(?:AWS_|BENCH_|BUILD_DATE|REPLY_TOO_LARGE|RESCAN_|NODE_|MALLOC_|FAULTS|NO_ROWS|NO_PROXY|DYNAMODB_|OCR_VERSION|OCR_ERROR|FAILED_IMAGE|[A-Z]+_ERROR|SHA_|MD5|HTTPS?_PROXY)|_(?:ERROR|IN_PROGRESS)$/;
/** The settings that a page names as `NAME` or `NAME=value` and that do not exist. */
const unknownIn = (text: string): readonly string[] =>
  [...text.matchAll(/`([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=[^`]*)?`/g)].flatMap(([, name = '']) =>
    SETTINGS.has(name) || OTHERS.test(name) ? [] : [name],
  );

test.each(PAGES)('every setting that %s names exists', (page) => {
  expect(unknownIn(readFileSync(join(ROOT, page), 'utf8'))).toEqual([]);
});

test('a setting that does not exist is found', () => {
  expect(unknownIn('Set `LEASE_SECONDS=20` and `LEASE_MINUTES=1`.')).toEqual(['LEASE_MINUTES']);
});
