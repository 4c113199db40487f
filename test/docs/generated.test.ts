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

test('in YAML the marks are comments, their indentation stays, and a name that begins another one is not mistaken for it', () => {
  const page = 'a:\n  # generated: part-two\n  # end\nb:\n    # generated: part\n    - old\n    # end\n';
  expect(replaceBlock(page, 'part', '    - new')).toBe(
    'a:\n  # generated: part-two\n  # end\nb:\n    # generated: part\n    - new\n    # end\n',
  );
});
