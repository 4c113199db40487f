import { SETTINGS, type SettingDescription } from '../../src/settings.ts';

/** By group. */
const groups = (
  settings: readonly SettingDescription[] = SETTINGS,
): ReadonlyMap<string, readonly SettingDescription[]> => Map.groupBy(settings, ({ group }) => group);

/** Where the settings of a group are written. */
const WRITTEN_IN: Readonly<Record<SettingDescription['of'], string>> = {
  process: 'Of the process: in the environment.',
  pipeline: 'Of each pipeline: in the environment where there is one, else in the file of pipelines.',
  file: 'Of each pipeline: in the file of pipelines only. In the environment, the SDK reads the same variables itself.',
};

/** A text as it may stand in a cell of a Markdown table. */
const cell = (text: string): string => text.replaceAll('|', '\\|');

function defaultCell({ defaultText }: SettingDescription): string {
  if (defaultText === undefined) return '**required**';
  return defaultText === '' ? 'empty' : `\`${cell(defaultText)}\``;
}

/** Every setting as Markdown tables, one for each group. */
export function settingsTables(): string {
  return [...groups()]
    .flatMap(([group, settings]) => [
      `## ${group}`,
      '',
      ...settings.slice(0, 1).flatMap((first) => [WRITTEN_IN[first.of], '']),
      '| variable | meaning | default | allowed |',
      '| --- | --- | --- | --- |',
      ...settings.map((setting) => {
        const unit = setting.unit === undefined ? '' : `, ${setting.unit}`;
        return `| \`${setting.variable}\` | ${cell(setting.about)} | ${defaultCell(setting)} | ${cell(setting.allowed)}${unit} |`;
      }),
      '',
    ])
    .join('\n')
    .trimEnd();
}

/** What every team sets, in the order of docs/getting-started.md. */
const FIRST: readonly string[] = [
  'SLACK_BOT_TOKEN',
  'SLACK_APP_TOKEN',
  'SLACK_CHANNELS',
  'OPERATORS',
  'APPROVERS',
  'IMAGE_BUCKET',
  'OCR_FUNCTION',
  'TABLE',
  'CONTROL_BUCKET',
  'CONTROL_TABLE',
];

/**
 * The whole of `.env.example`: first what every team fills in, then the others as comments with their defaults. A setting
 * without a default that is not in `FIRST` would be missing, so it is an error.
 */
export function environmentExample(): string {
  const all = SETTINGS.filter((setting) => setting.of !== 'file');
  const first = FIRST.map((variable) => {
    const found = all.find((setting) => setting.variable === variable);
    if (!found) throw new Error(`There is no setting ${variable}.`);
    return found;
  });
  const required = all.filter(({ defaultText }) => defaultText === undefined);
  const left = required.find((setting) => !first.includes(setting));
  if (left) throw new Error(`${left.variable} has no default and is not among the first settings.`);
  const about = (setting: SettingDescription) =>
    `# ${setting.about} Allowed: ${setting.allowed}${setting.unit === undefined ? '' : `, ${setting.unit}`}.`;
  const others = [...groups(all)].flatMap(([group, settings]) => {
    const rest = settings.filter((setting) => !first.includes(setting));
    const lines = rest.flatMap((setting) => [about(setting), `#${setting.variable}=${setting.defaultText ?? ''}`]);
    return rest.length === 0 ? [] : [`# --- ${group} ---`, ...lines, ''];
  });
  return [
    '# Copy this file to .env and fill in the lines without # (docs/getting-started.md has every step). `npm start` reads .env.',
    '# Slack over HTTP: set SLACK_SIGNING_SECRET and HTTP_PORT below, and leave SLACK_APP_TOKEN empty. Several pipelines: set',
    '# PIPELINES_FILE below (deploy/pipelines.example.yml), and remove the lines from SLACK_CHANNELS to CONTROL_TABLE.',
    '',
    '# --- Fill in ---',
    '# The region of the pipeline. AWS is set by the variables of the AWS SDK: also AWS_PROFILE, AWS_ACCESS_KEY_ID, …',
    'AWS_REGION=us-east-1',
    ...first.flatMap((setting) => [about(setting), `${setting.variable}=${setting.defaultText ?? ''}`]),
    '',
    '# --- Settings with defaults: remove the # of those that you change ---',
    '',
    ...others,
  ].join('\n');
}
