import { expect, test } from 'vitest';
import { forbiddenImports, importCycles, importedPaths } from './import-graph.ts';

test.each([
  ['an import up the layers', 'src/run/a.ts', 'src/slack/b.ts', 'imports run down only'],
  ['an import of the sandbox by the bot', 'src/app/a.ts', 'sandbox/b.ts', 'must not import each other'],
  ['an import of the bot by the sandbox', 'sandbox/a.ts', 'src/lib/b.ts', 'must not import each other'],
  ['an import of settings by lib', 'src/lib/log.ts', 'src/settings.ts', 'imports run down only'],
  ['an import of the process entry', 'src/app/a.ts', 'src/main.ts', 'imports run down only'],
  ['a folder that is no layer', 'src/other/a.ts', 'src/lib/b.ts', 'is in no layer'],
])('%s is forbidden', (_what, from, to, why) => {
  const [problem] = forbiddenImports([{ from, to }]);
  expect(problem).toContain(why);
});

test.each([
  ['src/app/a.ts', 'src/settings.ts'],
  ['src/main.ts', 'src/app/a.ts'],
  ['src/settings.ts', 'src/lib/a.ts'],
  ['src/checklist/a.ts', 'src/checklist/steps/b.ts'],
  ['sandbox/slack/a.ts', 'sandbox/aws/b.ts'],
])('%s may import %s', (from, to) => {
  expect(forbiddenImports([{ from, to }])).toEqual([]);
});

test('a cycle is found however long it is, and a file that imports itself is one', () => {
  const edge = (from: string, to: string) => ({ from, to });
  expect(importCycles([edge('a', 'b'), edge('b', 'c'), edge('c', 'a'), edge('c', 'd')])).toEqual([
    'import cycle: a, b, c',
  ]);
  expect(importCycles([edge('a', 'a')])).toEqual(['import cycle: a']);
  expect(importCycles([edge('a', 'b'), edge('a', 'c'), edge('b', 'd'), edge('c', 'd')])).toEqual([]);
  expect(importCycles([edge('a', 'b'), edge('b', 'a'), edge('x', 'y'), edge('y', 'x')])).toHaveLength(2);
});

test('every form of import is read, and comments are not', () => {
  const source = [
    "import { a } from './a.ts';",
    "import type {\n  B,\n} from '../b.ts';",
    "export { c } from './c.ts';",
    "import './d.ts';",
    "const e = await import('./e.ts');",
    "import fs from 'node:fs';",
    "// import { no } from './no.ts';",
    "/* import { no } from './no.ts'; */",
  ].join('\n');
  expect(importedPaths(source)).toEqual(['./a.ts', '../b.ts', './c.ts', './d.ts', './e.ts']);
});
