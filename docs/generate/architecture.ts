import { type Import, LAYERS, readImports } from '../../test/architecture/import-graph.ts';

/** What each layer is for, in the words of the README of the layout. */
const PURPOSE: Readonly<Record<string, string>> = {
  app: 'puts the parts together',
  slack: 'what people see and press',
  http: 'health, readiness, metrics',
  checklist: 'steps, preconditions, autopilot, audit',
  approvals: 'two-person approval',
  results: 'what a run came to',
  run: 'one pass over the images',
  backup: 'the table to S3 and back',
  state: 'the control table',
  pipeline: 'AWS adapters',
  lib: 'helpers without domain knowledge',
};

const SANDBOX_PARTS = ['tour', 'web', 'slack', 'aws'];

const partOf = (file: string): string => {
  const [, folder = '', ...rest] = file.split('/');
  // The settings belong to the entry, not to a layer.
  return rest.length === 0 || folder === 'settings' ? 'entry' : folder;
};

/** Arrows of a Mermaid flow chart between the folders directly below `top`. Imports of and by a file that is in no folder do not count. */
function arrows(imports: readonly Import[], top: string): readonly string[] {
  const found = new Set<string>();
  for (const { from, to } of imports) {
    if (!from.startsWith(`${top}/`)) continue;
    const [source, target] = [partOf(from), partOf(to)];
    if (source === target || source === 'entry' || target === 'entry') continue;
    found.add(`  ${top}_${source} --> ${top}_${target}`);
  }
  return [...found].sort();
}

/** The picture of the imports between folders, as Markdown. */
export function importPicture(root: string): string {
  const imports = readImports(root, ['src', 'sandbox']);
  const nodes = (top: string, names: readonly string[]) =>
    names.map((name) => `  ${top}_${name}["${name}${PURPOSE[name] && top === 'src' ? `<br/>${PURPOSE[name]}` : ''}"]`);
  return [
    'An arrow means "imports". `npm run check` fails when an arrow points up or in a circle.',
    '',
    '```mermaid',
    'flowchart TD',
    ...nodes('src', LAYERS),
    ...arrows(imports, 'src'),
    '```',
    '',
    'The sandbox imports nothing of the bot:',
    '',
    '```mermaid',
    'flowchart TD',
    ...nodes('sandbox', SANDBOX_PARTS),
    ...arrows(imports, 'sandbox'),
    '```',
  ].join('\n');
}
