import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { GENERATED, replaceBlock } from '../../docs/generate/pages.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

test.each(GENERATED)('the block "$block" of $path is what `npm run docs` writes', ({ path, block, text }) => {
  const page = readFileSync(`${ROOT}${path}`, 'utf8');
  expect(replaceBlock(page, block, text(ROOT)), 'run `npm run docs`').toBe(page);
});

test('a page without the block is refused and not silently left as it is', () => {
  expect(() => replaceBlock('# Page', 'imports', 'text')).toThrow('The page has no block');
});
