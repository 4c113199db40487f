import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { GENERATED, regenerate, replaceBlock } from '../../docs/generate/pages.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

test.each(GENERATED)('$path is what `npm run docs` writes ($block)', (generated) => {
  const page = readFileSync(`${ROOT}${generated.path}`, 'utf8');
  expect(regenerate(page, generated, ROOT), 'run `npm run docs`').toBe(page);
});

test('a page without the block is refused and not silently left as it is', () => {
  expect(() => replaceBlock('# Page', 'imports', 'text')).toThrow('The page has no block');
});
