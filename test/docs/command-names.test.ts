import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { COMMANDS } from '../../src/slack/commands/commands.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FILES = ['*.md', 'docs/**/*.md', 'src/**/*.{ts,py,md}', 'sandbox/**/*.{ts,md}'].flatMap((glob) =>
  globSync(glob, { cwd: ROOT }),
);
const NAMES = new Set(COMMANDS.map(({ word }) => word));

/** The commands in a text that do not exist, such as `/rescan begin`. */
const unknownIn = (text: string): readonly string[] =>
  [...text.matchAll(/\/rescan ([a-z-]+)/g)].flatMap(([mention, name = '']) => (NAMES.has(name) ? [] : [mention]));

test('every command that a text names exists', () => {
  const unknown = FILES.flatMap((file) =>
    unknownIn(readFileSync(join(ROOT, file), 'utf8')).map((mention) => `${file}: ${mention}`),
  );
  expect(unknown).toEqual([]);
});

test('a command that does not exist is found, also in the middle of a sentence', () => {
  expect(unknownIn('Compare with `/rescan reconcile`, then `/rescan resume`.')).toEqual(['/rescan reconcile']);
});
