import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { retiredIn, wordsOf } from './language.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FILES = [
  '*.md',
  '.env.example',
  'manifest.yml',
  'deploy/**/*.{md,ts,yml}',
  'docs/**/*.{md,ts}',
  '{src,sandbox,test,bench}/**/*.{ts,md,html,py}',
].flatMap((glob) => globSync(glob, { cwd: ROOT }));

/** These quote names under which the previous version stored its records, and this list itself. */
const QUOTING = [
  'src/state/table/previous-names.ts',
  'src/state/follow-ups.ts',
  'src/checklist/model/step.ts',
  'test/state/table/previous-names.test.ts',
  'test/state/follow-ups.test.ts',
  'test/run/store/previous-names.test.ts',
  'test/checklist/model/step.test.ts',
  'test/checklist/autopilot/autopilot-store.test.ts',
  'test/architecture/language.ts',
  'test/architecture/language.test.ts',
];

test('no retired word or phrase is in the code, the messages or the docs', () => {
  expect(FILES.length).toBeGreaterThan(600);
  const found = FILES.filter((file) => !QUOTING.includes(file)).flatMap((file) =>
    retiredIn(file, readFileSync(`${ROOT}${file}`, 'utf8')),
  );
  expect(found).toEqual([]);
});

test('every file that is excepted exists and quotes a retired word', () => {
  for (const file of QUOTING) expect(retiredIn(file, readFileSync(`${ROOT}${file}`, 'utf8')), file).not.toEqual([]);
});

test('a retired word is found inside an identifier, a comment and a text, and not inside another word', () => {
  expect(retiredIn('a.ts', 'const lastPushbacks = 1;')).toHaveLength(1);
  expect(retiredIn('a.ts', '// Mend it, then resume')).toHaveLength(1);
  expect(retiredIn('a.ts', "say('The run is through.')")).toHaveLength(1);
  expect(retiredIn('a.ts', 'const recommended = understanding;')).toEqual([]);
  expect(wordsOf('mayActOn_HTTPServer2')).toEqual(['may', 'act', 'on', 'http', 'server2']);
});
