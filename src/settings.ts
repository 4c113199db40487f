import { readFileSync } from 'node:fs';
import { type Contradiction, readValues, type Setting, SettingsError, type ValuesOf } from './lib/environment.ts';
import type { Profile } from './pipeline/profile/profile.ts';
import { findClashes, stateMachineOf } from './settings/clashes.ts';
import { http, incomingContradictions } from './settings/incoming.ts';
import { checklist, paceAndLimits, safety } from './settings/limits.ts';
import { notifications } from './settings/notifications.ts';
import { channelsAndPeople, connection, pipeline, state } from './settings/pipeline.ts';
import { readPipelinesFile } from './settings/pipelines-file.ts';
import { operation, slack } from './settings/process.ts';
import { embeddedProfiles, profileOf } from './settings/profiles.ts';
import { webhook, webhookContradictions } from './settings/webhook.ts';

/**
 * Every setting of the bot, declared once: variable, meaning, default, unit and allowed values. The docs are generated
 * from this list. AWS itself is configured by the SDK's own variables (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL, …).
 */

/** Of the process: in the environment only. */
const PROCESS = { ...slack, ...http, ...webhook, ...operation };
/** Of a pipeline: in the environment where there is one, else in the file of pipelines. */
const PIPELINE = {
  ...channelsAndPeople,
  ...notifications,
  ...pipeline,
  ...state,
  ...paceAndLimits,
  ...safety,
  ...checklist,
};

/** The settings as they are read: each name says the unit of its value. */
export type ProcessSettings = ValuesOf<typeof PROCESS>;
export type PipelineSettings = ValuesOf<typeof PIPELINE>;
/** What the parts of one pipeline know: its own settings and those of the process. */
export type Settings = ProcessSettings & PipelineSettings & { readonly profile: Profile };

/** One pipeline of the bot. */
export interface PipelineSetup {
  /** Its name in the file of pipelines; absent for the one pipeline of the environment. */
  readonly name?: string;
  /** What differs from the AWS settings in the environment; empty texts where nothing does. */
  readonly connection: ValuesOf<typeof connection>;
  readonly settings: Settings;
}

/** Everything that the bot is set to. */
export interface BotSettings {
  readonly process: ProcessSettings;
  readonly pipelines: readonly PipelineSetup[];
}

/** A setting as the docs show it. */
export interface SettingDescription {
  readonly group: string;
  /** Whether each pipeline has a value of its own; `file`: in the file of pipelines only. */
  readonly of: 'process' | 'pipeline' | 'file';
  readonly variable: string;
  readonly about: string;
  /**
   * The default as it would be written in the variable; empty where that is the default, absent where it is required.
   */
  readonly defaultText?: string;
  readonly allowed: string;
  readonly unit?: string;
}

const describe = (group: string, of: SettingDescription['of'], settings: Readonly<Record<string, Setting<unknown>>>) =>
  Object.values(settings).map(({ read: _, ...description }): SettingDescription => ({ group, of, ...description }));

/** Every setting, by group, in the order of the docs. */
export const SETTINGS: readonly SettingDescription[] = [
  ...describe('Connection to Slack', 'process', slack),
  ...describe('Health, metrics and Slack over HTTP', 'process', http),
  ...describe('Webhook and PagerDuty', 'process', webhook),
  ...describe('Process', 'process', operation),
  ...describe('Channels and people', 'pipeline', channelsAndPeople),
  ...describe('Notifications', 'pipeline', notifications),
  ...describe('Pipeline', 'pipeline', pipeline),
  ...describe('AWS account of a pipeline', 'file', connection),
  ...describe('State of the bot', 'pipeline', state),
  ...describe('Pace and limits', 'pipeline', paceAndLimits),
  ...describe('Safety of a run', 'pipeline', safety),
  ...describe('Checklist, approvals and results', 'pipeline', checklist),
];

const processContradictions = (settings: Partial<ProcessSettings>): readonly Contradiction[] => [
  ...incomingContradictions(settings),
  ...webhookContradictions(settings),
];

/** Values that are each allowed, but not together, with what would be allowed. Malformed settings are absent. */
function contradictions(settings: Partial<PipelineSettings>): readonly Contradiction[] {
  const { growthWarnMs, growthTripMs, controlBucket, imageBucket, controlPrefix, controlTable, table } = settings;
  const found: Contradiction[] = [];
  if (growthWarnMs !== undefined && growthTripMs !== undefined && growthTripMs < growthWarnMs)
    found.push(['GROWTH_TRIP_MINUTES', `at least GROWTH_WARN_MINUTES (${growthWarnMs / 60_000})`]);
  if (controlBucket !== undefined && controlBucket === imageBucket && !controlPrefix)
    found.push(['CONTROL_PREFIX', 'a prefix such as rescan-bot/, because CONTROL_BUCKET is also the IMAGE_BUCKET']);
  if (controlTable !== undefined && controlTable === table)
    found.push(['CONTROL_TABLE', 'a table that is not the TABLE of the pipeline']);
  return found;
}

type ReadFile = (path: string) => string;
const readText: ReadFile = (path) => readFileSync(path, 'utf8');

type Environment = Readonly<Record<string, string | undefined>>;
const textsOf = (environment: Environment) => (variable: string) => environment[variable]?.trim() ?? '';

/**
 * Reads the settings of one pipeline, and those of the process, from the environment.
 * @throws SettingsError with all problems at once, each naming the variable, its value and what is allowed.
 */
export function readSettings(environment: Environment, readFile: ReadFile = readText): Settings {
  const read = readValues({ ...PROCESS, ...PIPELINE }, textsOf(environment), (settings) => [
    ...processContradictions(settings),
    ...contradictions(settings),
  ]);
  if (!read.ok) throw new SettingsError(read.refusal.map(({ line }) => line));
  const profile = profileOf(read.value, readFile);
  if (!profile.ok) throw new SettingsError(profile.refusal);
  const stateMachine = stateMachineOf(read.value.stateMachine);
  return { ...read.value, stateMachine, profile: profile.value };
}

/**
 * Reads the settings of the bot: one pipeline from the environment, or every pipeline of PIPELINES_FILE. With that file no
 * setting of a pipeline may be in the environment, so that it is never unclear which one counts.
 * @throws SettingsError as `readSettings` does; each problem of the file also names the file, the line and the pipeline.
 */
export function readBotSettings(environment: Environment, readFile: ReadFile = readText): BotSettings {
  const textOf = textsOf(environment);
  const file = textOf('PIPELINES_FILE');
  if (file === '') {
    const settings = readSettings(environment, readFile);
    return { process: settings, pipelines: [{ connection: NO_CONNECTION, settings }] };
  }
  const ofProcess = readValues(PROCESS, textOf, processContradictions);
  const ofFile = readPipelinesFile({
    file,
    readFile,
    schema: PIPELINE,
    connection,
    process: PROCESS,
    contradictions,
    clashes: findClashes,
  });
  const lines = [
    ...(ofProcess.ok ? [] : ofProcess.refusal.map(({ line }) => line)),
    ...Object.values<Setting<unknown>>(PIPELINE).flatMap(({ variable }) =>
      textOf(variable) === ''
        ? []
        : [
            `${variable} is set in the environment. Allowed with PIPELINES_FILE: in ${file} only. Remove one of the two.`,
          ],
    ),
    ...(ofFile.ok ? [] : ofFile.refusal),
  ];
  if (!ofProcess.ok || !ofFile.ok || lines.length > 0) throw new SettingsError(lines);
  const embedded = embeddedProfiles(readFile(file));
  const problems: string[] = [];
  const pipelines = ofFile.value.flatMap(({ name, values, connection: account }): PipelineSetup[] => {
    const profile = profileOf(values, readFile, { where: `${file}: ${name}: profile`, value: embedded(name) });
    const stateMachine = stateMachineOf(values.stateMachine, name);
    if (profile.ok)
      return [
        {
          ...{ name, connection: account },
          settings: { ...ofProcess.value, ...values, stateMachine, profile: profile.value },
        },
      ];
    problems.push(...profile.refusal);
    return [];
  });
  if (problems.length > 0) throw new SettingsError(problems);
  return { process: ofProcess.value, pipelines };
}

const NO_CONNECTION: PipelineSetup['connection'] = { awsRegion: '', awsProfile: '', awsEndpointUrl: '' };
