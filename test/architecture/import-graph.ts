import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** One import of one file by another; both are paths from the root of the project. */
export interface Import {
  readonly from: string;
  readonly to: string;
}

/** The layers of the bot, from the top down: a file may import its own layer and those after it (DESIGN.md, "Layout"). */
export const LAYERS: readonly string[] = [
  'app',
  'slack',
  'http',
  'checklist',
  'approvals',
  'results',
  'run',
  'backup',
  'state',
  'pipeline',
  'lib',
];

/** main.ts is above every layer. settings.ts is known to app and main alone, and the folder settings/ to it alone. */
const ROOT_FILES: Readonly<Record<string, number>> = { 'src/main.ts': -1, 'src/settings.ts': 0.5 };
const SETTINGS_FOLDER = 0.6;

const IMPORT =
  /(?:^|[\s;])(?:import|export)\s[^'"`;]*?from\s+['"](\.[^'"]+)['"]|import\(\s*['"](\.[^'"]+)['"]\s*\)|import\s+['"](\.[^'"]+)['"]/g;

/** Every relative import of the TypeScript files below these folders, types included. */
export function readImports(root: string, folders: readonly string[]): readonly Import[] {
  const files = folders.flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: root })).sort();
  return files.flatMap((from) =>
    importedPaths(readFileSync(join(root, from), 'utf8')).map((path) => ({
      from,
      to: normalize(join(dirname(from), path)),
    })),
  );
}

/** The relative paths that a source text imports; comments do not count. */
export function importedPaths(source: string): readonly string[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  return [...code.matchAll(IMPORT)].flatMap(([, from, dynamic, bare]) => from ?? dynamic ?? bare ?? []);
}

function layerOf(file: string): number | undefined {
  const [top, folder = ''] = file.split('/');
  if (top !== 'src') return;
  if (folder === 'settings') return SETTINGS_FOLDER;
  const layer = LAYERS.indexOf(folder);
  return layer >= 0 ? layer : ROOT_FILES[file];
}

/** One line for each import that the rules forbid: up the list of layers, or between src/ and sandbox/. */
export function forbiddenImports(imports: readonly Import[]): readonly string[] {
  return imports.flatMap(({ from, to }) => {
    const [fromTop] = from.split('/');
    const [toTop] = to.split('/');
    if (fromTop !== toTop) return [`${from} imports ${to}: ${fromTop}/ and ${toTop}/ must not import each other`];
    if (fromTop !== 'src') return [];
    const [above, below] = [layerOf(from), layerOf(to)];
    if (above === undefined) return [`${from} is in no layer of src/`];
    if (below === undefined) return [`${from} imports ${to}, which is in no layer of src/`];
    return below < above ? [`${from} imports ${to}: imports run down only (${LAYERS.join(' → ')})`] : [];
  });
}

/** One line for each group of files that import each other in a circle. */
export function importCycles(imports: readonly Import[]): readonly string[] {
  return stronglyConnected(imports)
    .filter((group) => group.length > 1 || imports.some(({ from, to }) => from === to && from === group[0]))
    .map((group) => `import cycle: ${[...group].sort().join(', ')}`);
}

/** Tarjan's strongly connected components, without recursion. */
function stronglyConnected(imports: readonly Import[]): readonly (readonly string[])[] {
  const edges = Map.groupBy(imports, ({ from }) => from);
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const onStack = new Set<string>();
  const stack: string[] = [];
  const groups: string[][] = [];
  const enter = (file: string) => {
    index.set(file, index.size);
    low.set(file, index.size - 1);
    stack.push(file);
    onStack.add(file);
    return { file, targets: (edges.get(file) ?? []).map(({ to }) => to), at: 0 };
  };
  const lower = (file: string, value: number) => low.set(file, Math.min(low.get(file) ?? value, value));
  for (const start of edges.keys()) {
    if (index.has(start)) continue;
    const path = [enter(start)];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const target = top.targets[top.at];
      top.at += 1;
      if (target === undefined) {
        path.pop();
        const parent = path.at(-1);
        if (parent) lower(parent.file, low.get(top.file) ?? 0);
        if (low.get(top.file) !== index.get(top.file)) continue;
        const group = stack.splice(stack.lastIndexOf(top.file));
        for (const member of group) onStack.delete(member);
        groups.push(group);
      } else if (!index.has(target)) path.push(enter(target));
      else if (onStack.has(target)) lower(top.file, index.get(target) ?? 0);
    }
  }
  return groups;
}
