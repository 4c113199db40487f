import { fileURLToPath } from 'node:url';
import { forbiddenImports, importCycles, readImports } from './import-graph.ts';

/** `npm run check`: fails with one line for each import that the layout forbids. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const imports = readImports(root, ['src', 'sandbox']);
const problems = [...forbiddenImports(imports), ...importCycles(imports)];
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`Checked ${imports.length} imports. They run down the layers, without a cycle.`);
