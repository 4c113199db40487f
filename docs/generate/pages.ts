import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { heartbeatAlarms } from '../../deploy/heartbeat-alarms.ts';
import { BOT_STATEMENTS } from '../../deploy/iam/bot-statements.ts';
import { statementsYaml } from '../../deploy/iam/cloudformation.ts';
import { placeholders, policyFile, terraform } from '../../deploy/iam/policy.ts';
import { STATE_MACHINE_STATEMENTS } from '../../deploy/iam/state-machine-statements.ts';
import {
  childTypesYaml,
  definitionText,
  definitionYaml,
  terraformDefinition,
} from '../../deploy/state-machine-definition.ts';
import { importPicture } from './architecture.ts';
import { commandSections } from './commands.ts';
import { folderTable } from './folders.ts';
import { metricsTable } from './metrics.ts';
import { constantTables, paceTable, runTable, stepTables } from './scale.ts';
import { environmentExample, settingsTables } from './settings.ts';

/** A part of a page that is generated from the code, between two comments that name it; without `block` the whole file. */
export interface GeneratedBlock {
  readonly path: string;
  readonly block?: string;
  /** The Markdown for the project at `root`. */
  readonly text: (root: string) => string;
}

/** The profile that the sandbox gives to the bot for its second pipeline. */
const invoicesProfile = (root: string): string =>
  `\`\`\`yaml\n${readFileSync(join(root, 'sandbox/aws/ocr/invoices.yml'), 'utf8').trimEnd()}\n\`\`\``;

export const GENERATED: readonly GeneratedBlock[] = [
  { path: 'docs/architecture.md', block: 'imports', text: importPicture },
  { path: 'docs/architecture.md', block: 'folders', text: folderTable },
  { path: 'docs/settings.md', block: 'settings', text: settingsTables },
  { path: 'docs/commands.md', block: 'commands', text: commandSections },
  { path: 'docs/http.md', block: 'metrics', text: metricsTable },
  { path: 'docs/scale.md', block: 'paces', text: paceTable },
  { path: 'docs/scale.md', block: 'runs', text: runTable },
  { path: 'docs/scale.md', block: 'steps', text: stepTables },
  { path: 'docs/scale.md', block: 'constants', text: constantTables },
  { path: 'docs/profiles.md', block: 'invoices', text: invoicesProfile },
  { path: '.env.example', text: environmentExample },
  { path: 'docs/iam-policy.json', text: () => policyFile(BOT_STATEMENTS, placeholders) },
  { path: 'deploy/cloudformation.yml', block: 'bot-policy', text: () => indent(14, statementsYaml(BOT_STATEMENTS)) },
  { path: 'deploy/cloudformation.yml', block: 'heartbeat-alarms', text: () => indent(2, heartbeatAlarms()) },
  {
    path: 'deploy/cloudformation.yml',
    block: 'state-machine-policy',
    text: () => indent(14, statementsYaml(STATE_MACHINE_STATEMENTS)),
  },
  { path: 'deploy/cloudformation.yml', block: 'child-types', text: () => indent(2, childTypesYaml()) },
  { path: 'deploy/cloudformation.yml', block: 'state-machine', text: () => indent(6, definitionYaml()) },
  {
    path: 'deploy/terraform/state-machine-policy.json.tftpl',
    text: () => policyFile(STATE_MACHINE_STATEMENTS, terraform),
  },
  { path: 'deploy/terraform/state-machine.asl.json.tftpl', text: () => `${definitionText(terraformDefinition)}\n` },
  { path: 'deploy/terraform/bot-policy.json.tftpl', text: () => policyFile(BOT_STATEMENTS, terraform) },
];

/**
 * The page with the generated text in place. @throws Error when it has no such block.
 */
export const regenerate = (page: string, { block, text }: GeneratedBlock, root: string): string =>
  block === undefined ? text(root) : replaceBlock(page, block, text(root));

const indent = (spaces: number, lines: readonly string[]): string =>
  lines.map((line) => (line === '' ? '' : `${' '.repeat(spaces)}${line}`)).join('\n');

/** How a block begins and ends: as comments of YAML, or of Markdown. */
const marks = (page: string, block: string): readonly [begin: string, end: string] => {
  const begin = `# generated: ${block}\n`;
  return page.includes(begin) ? [begin.trimEnd(), '# end'] : [`<!-- generated: ${block} -->`, '<!-- end -->'];
};

/**
 * The page with the text between `<!-- generated: BLOCK -->` and `<!-- end -->` replaced, in YAML between
 * `# generated: BLOCK` and `# end`.
 * @throws Error when the page has no such block.
 */
export function replaceBlock(page: string, block: string, text: string): string {
  const [begin, end] = marks(page, block);
  // With the end of the line: one name may begin with another.
  const from = page.indexOf(`${begin}\n`);
  const to = page.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`The page has no block between "${begin}" and "${end}".`);
  // The end keeps its indentation.
  const last = page.slice(page.lastIndexOf('\n', to) + 1, to);
  return `${page.slice(0, from + begin.length)}\n${text}\n${last}${page.slice(to)}`;
}
