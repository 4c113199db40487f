import { importPicture } from './architecture.ts';
import { commandSections } from './commands.ts';
import { environmentExample, settingsTables } from './settings.ts';

/** A part of a page that is generated from the code, between two comments that name it; without `block` the whole file. */
export interface GeneratedBlock {
  readonly path: string;
  readonly block?: string;
  /** The Markdown for the project at `root`. */
  readonly text: (root: string) => string;
}

export const GENERATED: readonly GeneratedBlock[] = [
  { path: 'docs/architecture.md', block: 'imports', text: importPicture },
  { path: 'docs/settings.md', block: 'settings', text: settingsTables },
  { path: 'docs/commands.md', block: 'commands', text: commandSections },
  { path: '.env.example', text: environmentExample },
];

/**
 * The page with the generated text in place. @throws Error when it has no such block.
 */
export const regenerate = (page: string, { block, text }: GeneratedBlock, root: string): string =>
  block === undefined ? text(root) : replaceBlock(page, block, text(root));

/**
 * The page with the text between `<!-- generated: BLOCK -->` and `<!-- end -->` replaced.
 * @throws Error when the page has no such block.
 */
export function replaceBlock(page: string, block: string, text: string): string {
  const begin = `<!-- generated: ${block} -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf('<!-- end -->', from);
  if (from < 0 || to < 0) throw new Error(`The page has no block between "${begin}" and "<!-- end -->".`);
  return `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`;
}
