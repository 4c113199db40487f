import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { GENERATED, replaceBlock } from './pages.ts';

/** `npm run docs`: writes the generated parts of the docs anew from the code. */
const root = fileURLToPath(new URL('../../', import.meta.url));
for (const { path, block, text } of GENERATED) {
  const file = `${root}${path}`;
  const before = readFileSync(file, 'utf8');
  const after = replaceBlock(before, block, text(root));
  if (after === before) continue;
  writeFileSync(file, after);
  console.log(`${path} written`);
}
