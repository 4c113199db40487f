import { SETTINGS, type SettingDescription } from '../../src/settings.ts';

const groups = (): ReadonlyMap<string, readonly SettingDescription[]> => Map.groupBy(SETTINGS, ({ group }) => group);

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

/** The whole of `.env.example`: required settings to fill in, the others as comments with their defaults. */
export function environmentExample(): string {
  const lines = (setting: SettingDescription) => [
    `# ${setting.about} Allowed: ${setting.allowed}${setting.unit === undefined ? '' : `, ${setting.unit}`}.`,
    setting.defaultText === undefined ? `${setting.variable}=` : `#${setting.variable}=${setting.defaultText}`,
  ];
  return [
    '# Copy this file to .env, fill in the lines without # and remove the # of those that you change.',
    '# AWS is set by the variables of the AWS SDK: AWS_REGION, AWS_PROFILE, AWS_ACCESS_KEY_ID, …',
    'AWS_REGION=us-east-1',
    '',
    ...[...groups()].flatMap(([group, settings]) => [`# --- ${group} ---`, ...settings.flatMap(lines), '']),
  ].join('\n');
}
