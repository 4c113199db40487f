import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SettingsError } from '../../src/lib/environment.ts';
import { readBotSettings, SETTINGS } from '../../src/settings.ts';

const tokens = { SLACK_BOT_TOKEN: 'xoxb-1', SLACK_APP_TOKEN: 'xapp-1' };
const environment = { ...tokens, PIPELINES_FILE: 'pipelines.yml' };
const read = (text: string, more: Record<string, string> = {}) =>
  readBotSettings({ ...environment, ...more }, () => text);
function linesOf(text: string, more: Record<string, string> = {}): readonly string[] {
  try {
    read(text, more);
  } catch (error) {
    if (error instanceof SettingsError) return error.lines;
    throw error;
  }
  return [];
}
const dev =
  'dev:\n    SLACK_CHANNELS: C01\n    OCR_FUNCTION: ocr-dev\n    TABLE: dev\n    CONTROL_TABLE: control-dev\n    CONTROL_PREFIX: dev/\n';
const prod =
  'prod:\n    SLACK_CHANNELS: [C02, C03]\n    OCR_FUNCTION: ocr\n    TABLE: prod\n    CONTROL_PREFIX: prod/\n';
const both = `pipelines:\n  ${dev}  ${prod}`;

describe('without a file', () => {
  test('there is one pipeline without a name, from the environment, and AWS is left to the SDK', () => {
    const { pipelines } = readBotSettings({ ...tokens, SLACK_CHANNELS: 'C01', AWS_REGION: 'eu-west-1' });
    expect(pipelines).toHaveLength(1);
    expect(pipelines[0]).not.toHaveProperty('name');
    expect(pipelines[0]?.connection).toEqual({ awsRegion: '', awsProfile: '', awsEndpointUrl: '' });
    expect(pipelines[0]?.settings.slackChannels).toEqual(['C01']);
  });
});

describe('a file of pipelines', () => {
  test('holds the settings of each pipeline, in the order of the file, with those of the process', () => {
    const { process, pipelines } = read(both, { LOG_LEVEL: 'debug' });
    expect(process.logLevel).toBe('debug');
    expect(pipelines.map(({ name }) => name)).toEqual(['dev', 'prod']);
    expect(pipelines[1]?.settings).toMatchObject({
      slackBotToken: 'xoxb-1',
      slackChannels: ['C02', 'C03'],
      ocrFunction: 'ocr',
      breakerWindow: 20,
    });
  });

  test('gives each pipeline a state machine of its own', () => {
    const machinesOf = (text: string) => read(text).pipelines.map(({ settings }) => settings.stateMachine);
    expect(machinesOf(both)).toEqual(['rescan-bot-dev', 'rescan-bot-prod']);
    expect(machinesOf(`${both}    STATE_MACHINE: other\n`)).toEqual(['rescan-bot-dev', 'other']);
    expect(linesOf(`defaults:\n  STATE_MACHINE: shared\n${both}`)).toEqual([
      'pipelines.yml line 2: prod: STATE_MACHINE is "shared". Allowed: a state machine that is not that of dev, such as rescan-bot-prod.',
    ]);
    const { pipelines } = readBotSettings({ ...tokens, SLACK_CHANNELS: 'C01' });
    expect(pipelines[0]?.settings.stateMachine).toBe('rescan-bot');
  });

  test('may hold defaults, which a pipeline replaces, and anchors', () => {
    const text = `defaults:\n  PACE: 60\n  OPERATORS: &ops [U01, U02]\n${both}    PACE: auto\n    APPROVERS: *ops\n`;
    const [first, second] = read(text).pipelines;
    expect(first?.settings).toMatchObject({ pace: { kind: 'fixed', perMinute: 60 }, operators: ['U01', 'U02'] });
    expect(second?.settings).toMatchObject({ pace: { kind: 'auto' }, approvers: ['U01', 'U02'] });
  });

  test('says how the bot signs in to the account of each pipeline', () => {
    const text = `${both}    AWS_REGION: eu-central-1\n    AWS_PROFILE: prod\n    AWS_ENDPOINT_URL: http://127.0.0.1:1\n`;
    expect(read(text).pipelines.map(({ connection }) => connection)).toEqual([
      { awsRegion: '', awsProfile: '', awsEndpointUrl: '' },
      { awsRegion: 'eu-central-1', awsProfile: 'prod', awsEndpointUrl: 'http://127.0.0.1:1' },
    ]);
  });

  test('shows its values as texts: a number keeps its zeros, and words stay words', () => {
    const text = `${both}    IMAGE_BUCKET: 016164185850\n    AUTO_RESUME: false\n    MODEL_ID: 0x10\n`;
    expect(read(text).pipelines[1]?.settings).toMatchObject({
      imageBucket: '016164185850',
      autoResume: false,
      modelId: '0x10',
    });
  });

  test('of the repository is complete and correct', () => {
    const example = readFileSync(new URL('../../deploy/pipelines.example.yml', import.meta.url), 'utf8');
    expect(linesOf(example)).toEqual([]);
    expect(read(example).pipelines.map(({ name }) => name)).toEqual(['dev', 'prod', 'invoices']);
  });
});

describe('each problem of the file is one line', () => {
  test.each([
    [
      'a malformed value',
      `${both}    LEASE_SECONDS: 0.5\n`,
      'pipelines.yml line 13: prod: LEASE_SECONDS is "0.5". Allowed: a number from 1 to 300 (seconds).',
    ],
    [
      'a missing required setting',
      `${both}  test:\n    OCR_FUNCTION: t\n    TABLE: test\n    CONTROL_PREFIX: t/\n`,
      'pipelines.yml line 13: test: SLACK_CHANNELS is not set. Allowed: Slack channel ids (C…, G…), separated by commas.',
    ],
    [
      'values that contradict each other',
      `${both}    GROWTH_TRIP_MINUTES: 3\n`,
      'pipelines.yml line 13: prod: GROWTH_TRIP_MINUTES is "3". Allowed: at least GROWTH_WARN_MINUTES (5).',
    ],
    [
      'an unknown key',
      `${both}    BREAKER_WINDOWS: 20\n`,
      'pipelines.yml line 13: prod: "BREAKER_WINDOWS" is not known. Allowed: BREAKER_WINDOW.',
    ],
    [
      'a key in lower case',
      `${both}    image_bucket: x\n`,
      'pipelines.yml line 13: prod: "image_bucket" is not known. Allowed: IMAGE_BUCKET.',
    ],
    [
      'an unknown key at the top',
      `pipeline:\n  ${dev}`,
      'pipelines.yml line 1: "pipeline" is not known. Allowed: pipelines.',
    ],
    [
      'a name that is not allowed',
      `${both}  Prod EU:\n    SLACK_CHANNELS: C09\n    OCR_FUNCTION: t\n    TABLE: test\n    CONTROL_PREFIX: t/\n`,
      'pipelines.yml line 13: the pipeline name is "Prod EU". Allowed: 1 to 30 of a-z 0-9 -, neither first nor last a -, and not defaults.',
    ],
    [
      'a name that is given twice',
      `${both}  ${dev}`,
      'pipelines.yml line 13: "dev" is given twice, first in line 2. Allowed: once.',
    ],
    [
      'a setting that is given twice',
      `${both}    TABLE: other\n`,
      'pipelines.yml line 13: prod: "TABLE" is given twice, first in line 11. Allowed: once.',
    ],
    [
      'a secret',
      `${both}    SLACK_BOT_TOKEN: xoxb-very-secret\n`,
      'pipelines.yml line 13: prod: SLACK_BOT_TOKEN does not belong in this file. Allowed: in the environment of the process.',
    ],
    [
      'an AWS key',
      `${both}    AWS_SECRET_ACCESS_KEY: very-secret\n`,
      'pipelines.yml line 13: prod: AWS_SECRET_ACCESS_KEY does not belong in this file. Allowed: in the environment of the process.',
    ],
    [
      'a setting of the process',
      `${both}    LOG_LEVEL: debug\n`,
      'pipelines.yml line 13: prod: LOG_LEVEL does not belong in this file. Allowed: in the environment of the process.',
    ],
    [
      'a key without a value',
      `${both}    PACE:\n`,
      'pipelines.yml line 13: prod: PACE has no value. Allowed: a text, a number or a list of them. Else remove the key.',
    ],
    [
      'a pipeline without settings',
      `pipelines:\n  ${dev}  empty:\n`,
      'pipelines.yml line 8: empty: settings are expected here. Allowed: lines of the form NAME: value.',
    ],
    [
      'no pipeline',
      'pipelines: {}\n',
      'pipelines.yml line 1: no pipeline is described. Allowed: at least one name under `pipelines`.',
    ],
    ['an empty file', '', 'pipelines.yml line 1: settings are expected here. Allowed: lines of the form NAME: value.'],
  ])('%s', (_what, text, line) => {
    expect(linesOf(text)).toContain(line);
    expect(linesOf(text).join('\n')).not.toContain('very-secret');
  });

  test('for text that is not YAML with its line', () => {
    expect(linesOf('pipelines:\n  dev: [C01\n  prod: x\n')).toEqual([
      expect.stringMatching(/^pipelines\.yml line \d: this is not YAML: /),
    ]);
  });

  test('for a file that cannot be read with its reason', () => {
    expect(() => readBotSettings({ ...environment, PIPELINES_FILE: '/nowhere/p.yml' })).toThrow(
      /^PIPELINES_FILE is "\/nowhere\/p\.yml", which cannot be read: ENOENT.* Allowed: a YAML file\.$/,
    );
  });

  test('and all problems are listed at once, those of the environment as well', () => {
    expect(
      linesOf(`${both}    PACE: 0\n    WINDOW: 3\n`, { SLACK_BOT_TOKEN: 'x', LOG_LEVEL: 'loud', PACE: '60' }),
    ).toHaveLength(5);
  });
});

describe('what two pipelines must not share', () => {
  const lineOf = (more: string) => linesOf(`${both}${more}`);
  test.each([
    [
      'a channel',
      '  t:\n    SLACK_CHANNELS: [C09, C03]\n    OCR_FUNCTION: t\n    TABLE: t-t\n    CONTROL_PREFIX: t/\n    CONTROL_TABLE: control-t\n',
      'pipelines.yml line 14: t: SLACK_CHANNELS is "C09,C03". Allowed: a channel belongs to one pipeline (C03 is listed for prod).',
    ],
    [
      'a table',
      '  t:\n    SLACK_CHANNELS: C09\n    OCR_FUNCTION: t\n    TABLE: prod\n    CONTROL_PREFIX: t/\n    CONTROL_TABLE: control-t\n',
      'pipelines.yml line 16: t: TABLE is "prod". Allowed: a table that is not the TABLE of prod.',
    ],
    [
      'the table of one as the control table of another',
      '  t:\n    SLACK_CHANNELS: C09\n    OCR_FUNCTION: t\n    TABLE: t-t\n    CONTROL_PREFIX: t/\n    CONTROL_TABLE: prod\n',
      'pipelines.yml line 18: t: CONTROL_TABLE is "prod". Allowed: a table that is not the TABLE of prod.',
    ],
    [
      'a control table, although their functions have different names',
      '  t:\n    SLACK_CHANNELS: C09\n    OCR_FUNCTION: t\n    TABLE: t-t\n    CONTROL_PREFIX: t/\n',
      'pipelines.yml line 13: t: CONTROL_TABLE is not set (default rescan-bot-control). Allowed: a table that is not the CONTROL_TABLE of prod, such as rescan-bot-control-t.',
    ],
    [
      'the file of a stop where the functions have the same name',
      '  t:\n    SLACK_CHANNELS: C09\n    OCR_FUNCTION: ocr\n    TABLE: t-t\n    CONTROL_PREFIX: t/\n    CONTROL_TABLE: other\n',
      'pipelines.yml line 13: t: STOP_FILE is not set (default /tmp/STOP_RESCAN). Allowed: a file that prod does not have, because both have the same OCR_FUNCTION.',
    ],
    [
      'a prefix of the control bucket',
      '  t:\n    SLACK_CHANNELS: C09\n    OCR_FUNCTION: t\n    TABLE: t-t\n    CONTROL_PREFIX: prod/t/\n    CONTROL_TABLE: control-t\n',
      'pipelines.yml line 17: t: CONTROL_PREFIX is "prod/t/". Allowed: a prefix such as t/ that is not (within) the CONTROL_PREFIX of prod.',
    ],
    [
      'a state machine, by its name or its ARN',
      '  t:\n    SLACK_CHANNELS: C09\n    OCR_FUNCTION: t\n    TABLE: t-t\n    CONTROL_PREFIX: t/\n    CONTROL_TABLE: control-t\n    STATE_MACHINE: arn:aws:states:us-east-1:111111111111:stateMachine:rescan-bot-prod\n',
      'pipelines.yml line 19: t: STATE_MACHINE is "arn:aws:states:us-east-1:111111111111:stateMachine:rescan-bot-prod". Allowed: a state machine that is not that of prod, such as rescan-bot-t.',
    ],
  ])('%s', (_what, more, line) => {
    expect(lineOf(more)).toEqual([line]);
  });

  test('but tables of the same name in two accounts or regions are two tables', () => {
    const other = '  t:\n    SLACK_CHANNELS: C09\n    OCR_FUNCTION: t\n    TABLE: prod\n    CONTROL_PREFIX: t/\n';
    for (const account of ['AWS_REGION: eu-west-1', 'AWS_PROFILE: other'])
      expect(lineOf(`${other}    STATE_MACHINE: rescan-bot-prod\n    ${account}\n`)).toEqual([]);
  });
});

test('a setting of a pipeline is in the file or in the environment, and never in both', () => {
  for (const { variable, of } of SETTINGS) {
    if (of !== 'pipeline') continue;
    expect(linesOf(both, { [variable]: '1' })).toContain(
      `${variable} is set in the environment. Allowed with PIPELINES_FILE: in pipelines.yml only. Remove one of the two.`,
    );
  }
  expect(linesOf(both, { AWS_REGION: 'eu-west-1', AWS_PROFILE: 'p', PACE: '' })).toEqual([]);
});
