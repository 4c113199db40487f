import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { GENERATED, regenerate } from './pages.ts';

/** `npm run docs`: writes the generated parts of the docs anew from the code. */
const root = fileURLToPath(new URL('../../', import.meta.url));
for (const generated of GENERATED) {
  const file = `${root}${generated.path}`;
  const before = readFileSync(file, 'utf8');
  const after = regenerate(before, generated, root);
  if (after === before) continue;
  writeFileSync(file, after);
  console.log(`${generated.path} written`);
}
