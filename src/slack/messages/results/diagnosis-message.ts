import type { Button } from '@slack/types';
import type { LocatedDiagnosis } from '../../../checklist/results/diagnoses.ts';
import type { Grouping } from '../../../results/failures/failure-groups.ts';
import type { Finding, Remedy } from '../../../results/report/diagnosis.ts';
import type { RunSnapshot } from '../../../run/model/types.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, link, sentence } from '../kit/escape.ts';
import { count, counted, duration, percent, rate } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';
import { runName } from '../run/describe-run.ts';
import { formatCause } from './failures-message.ts';

const SOURCES = {
  lambda: 'Lambda turned invocations away (concurrency)',
  bedrock: 'Bedrock turned model calls away',
  textract: 'Textract turned calls away',
  'dynamodb-writes': 'DynamoDB turned writes away',
  'dynamodb-reads': 'DynamoDB turned reads away',
} as const;
const GROUPS: Readonly<Record<Grouping, string>> = {
  prefix: 'under',
  name: 'of',
  month: 'of the month',
  time: 'that came to their end within five minutes of',
};
const MOST_FINDINGS = 6;

/** CloudWatch tells of a minute some minutes later. */
const METRICS_LAG_MS = 5 * 60_000;

/** What the bot found when it looked: the heaviest first, each with what to do about it. */
export function diagnosisMessage({ findings, unread, run, location, until }: LocatedDiagnosis, now: number): Message {
  const [first] = findings;
  const shown = findings.slice(0, MOST_FINDINGS);
  const remedies = shown.flatMap((finding) => finding.remedies);
  return compose({
    fact: `Diagnosis${run ? ` of ${runName(run.runId)}` : ''}: ${first ? headline(first) : 'nothing stands out'}${unread.length > 0 ? ', as far as the bot may look' : ''}.`,
    lines: [
      ...shown.map((finding, at) => `${at + 1}. ${findingText(finding)}`),
      ...linkLines(remedies, location),
      ...(remedies.some(({ kind }) => kind === 'read-log')
        ? ['`/rescan logs errors` shows the function’s own words.']
        : []),
    ],
    notes: [
      ...unread.map((fault) => `:warning: Not looked at: ${sentence(fault.message, 300)} ${sentence(fault.fix, 200)}`),
      ...(now - until < METRICS_LAG_MS
        ? [
            'CloudWatch is some minutes behind: `/rescan diagnose` in five minutes may see throttling that this does not.',
          ]
        : []),
    ],
    buttons: buttonsOf(remedies, run),
  });
}

function headline(finding: Finding): string {
  switch (finding.kind) {
    case 'main-cause':
      return `one cause is behind ${percent(Math.round(finding.share * 1000), 1000)} of the failed images`;
    case 'many-causes':
      return `${counted(finding.causes, 'cause')}, none of them behind most failures`;
    case 'cluster':
      return 'failures cluster';
    case 'throttling':
      return SOURCES[finding.throttling.source];
    case 'throttled':
      return 'the pipeline asked for less, again and again';
    case 'near-timeout':
      return finding.timedOut > 0 ? 'images run into the function’s timeout' : 'the function comes near its timeout';
    case 'near-memory':
      return 'the function comes near its memory limit';
    case 'quota-use':
      return 'the model’s quota is nearly used up';
    case 'no-growth':
      return 'images go through and the table does not grow';
    case 'unlogged':
      return 'failures leave no record in the table';
    case 'healthy':
      return 'nothing stands out';
  }
}

function findingText(finding: Finding): string {
  switch (finding.kind) {
    case 'main-cause':
      return `*${counted(finding.cause.images, 'image')}* failed of ${formatCause(finding.cause)}.`;
    case 'many-causes':
      return `${counted(finding.images, 'image')} failed of ${counted(finding.causes, 'different cause')}: the images, or a change of the function’s code, are likelier than one broken part.`;
    case 'cluster': {
      const { by, group, images, failed, share, shareElsewhere } = finding.cluster;
      const whole = (part: number) => percent(Math.round(part * 1000), 1000);
      return `${count(failed)} of ${counted(images, 'image')} ${GROUPS[by]} ${code(group, 120)} failed (${whole(share)}); elsewhere ${whole(shareElsewhere)}.`;
    }
    case 'throttling':
      return `${SOURCES[finding.throttling.source]} ${counted(finding.throttling.times, 'time')} (CloudWatch).`;
    case 'throttled':
      return `${counted(finding.times, 'call')} of ${count(finding.calls)} came back with “too many requests”, as the bot saw itself; those images were tried again. A slower pace mends it.`;
    case 'near-timeout':
      return `The longest invocation took ${duration(finding.mostMs)}; the timeout is ${duration(finding.timeoutMs)}${finding.timedOut > 0 ? `, and ${counted(finding.timedOut, 'image')} ran into it` : ''}. A higher timeout of the function mends it.`;
    case 'near-memory':
      return `At most ${count(finding.mostMb)} MB of ${count(finding.memoryMb)} MB were used${finding.mostMb === 0 ? ' as far as the log tells, and images ended for want of memory' : ''}. More memory for the function mends it.`;
    case 'quota-use':
      return `${rate(finding.perMinute)} images a minute of ${rate(finding.limit)} that ${code(finding.name, 120)} allows.`;
    case 'no-growth':
      return `The table has not grown for ${counted(Math.round(finding.minutes), 'minute')}: the function says that it stores, and nothing arrives. Look whether it writes to this table.`;
    case 'unlogged':
      return `${counted(finding.images, 'failure')} left no record in the table: \`/rescan test-logging\` says why.`;
    case 'healthy':
      return 'No failures that cluster, no throttling, nothing near its limit.';
  }
}

const CODES = { bedrock: 'bedrock', lambda: 'lambda', textract: 'textract' } as const;

/** The console of the region's part of AWS. */
function consoleOf(region: string): string {
  const domain = region.startsWith('cn-')
    ? 'console.amazonaws.cn'
    : region.startsWith('us-gov-')
      ? 'console.amazonaws-us-gov.com'
      : 'console.aws.amazon.com';
  return `https://${region}.${domain}`;
}

/** The console's pages where a person raises a limit: nothing the bot may do by itself. */
function linkLines(
  remedies: readonly Remedy[],
  { region, functionName }: LocatedDiagnosis['location'],
): readonly string[] {
  const home = consoleOf(region);
  const services = new Set(remedies.flatMap((remedy) => (remedy.kind === 'raise-quota' ? [remedy.service] : [])));
  const ofFunction = remedies.some(({ kind }) => kind === 'raise-timeout' || kind === 'raise-memory');
  const page = `${home}/lambda/home?region=${region}#/functions/${encodeURIComponent(functionName)}?tab=configure`;
  return [
    ...[...services].map((service) =>
      service === 'dynamodb'
        ? `Raise the table’s capacity, or make it on demand, in ${link(`${home}/dynamodbv2/home?region=${region}#tables`, 'DynamoDB')}.`
        : `Raise it in ${link(`${home}/servicequotas/home/services/${CODES[service]}/quotas`, `Service Quotas, ${CODES[service]}`)}.`,
    ),
    ...(ofFunction ? [`Timeout and memory are set in ${link(page, 'the function’s configuration')}.`] : []),
  ];
}

function buttonsOf(remedies: readonly Remedy[], run: RunSnapshot | undefined): readonly Button[] {
  const retry = remedies.find((remedy) => remedy.kind === 'retry-cause');
  const isRunning = run?.state.kind === 'running';
  const rests = run !== undefined && ['tripped', 'stopped', 'paused', 'interrupted'].includes(run.state.kind);
  return [
    // A run that rests takes the pace along when it is resumed.
    ...(run && (isRunning || rests) && remedies.some(({ kind }) => kind === 'slower')
      ? [button(ACTION.slower, 'Slower', run.runId)]
      : []),
    ...(rests ? [button(ACTION.resume, 'Resume', run.runId)] : []),
    ...(retry && !isRunning && !rests
      ? [button(ACTION.retry, `Retry the ${count(retry.images)}`, `cause:${retry.causeId}`)]
      : []),
    button(ACTION.showFailures, 'Show failures', 'failures'),
  ];
}
