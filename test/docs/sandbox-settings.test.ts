import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { defaultWorld } from '../../sandbox/aws/world.ts';

const README = readFileSync(fileURLToPath(new URL('../../sandbox/aws/README.md', import.meta.url)), 'utf8');

test.each(Object.keys(defaultWorld()))('the README of the local AWS explains its setting %s', (setting) => {
  const rows = README.split('\n').filter((line) => line.startsWith('| `'));
  expect(rows.some((row) => row.split('|')[1]?.includes(`\`${setting}\``))).toBe(true);
});
