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
  lambda: 'Lambda throttled invocations (concurrency)',
  bedrock: 'Bedrock throttled model calls',
  textract: 'Textract throttled calls',
  'dynamodb-writes': 'DynamoDB throttled writes',
  'dynamodb-reads': 'DynamoDB throttled reads',
} as const;
const GROUPS: Readonly<Record<Grouping, string>> = {
  prefix: 'under',
  name: 'of',
  month: 'of the month',
  time: 'that ended within five minutes of',
};
const MOST_FINDINGS = 6;

/** CloudWatch reports a minute some minutes later. */
const METRICS_LAG_MS = 5 * 60_000;

/** What a diagnosis found, the most important finding first, each with what to do about it. */
export function diagnosisMessage({ findings, unread, run, location, until }: LocatedDiagnosis, now: number): Message {
  const [first] = findings;
  const shown = findings.slice(0, MOST_FINDINGS);
  const remedies = shown.flatMap((finding) => finding.remedies);
  const details = shown.flatMap(describeFinding);
  return compose({
    fact: `Diagnosis${run ? ` of ${runName(run.runId)}` : ''}: ${first ? headline(first) : 'nothing unusual'}${unread.length > 0 ? ', as far as the bot can read' : ''}.`,
    lines: [
      ...(details.length === 1 ? details : details.map((line, at) => `${at + 1}. ${line}`)),
      ...(first?.kind === 'main-cause' ? [nextLine(first.cause.failureType, run)] : []),
      ...linkLines(remedies, location),
      ...(remedies.some(({ kind }) => kind === 'read-log')
        ? ['`/rescan logs errors` shows what the function logged.']
        : []),
    ],
    notes: [
      ...unread.map((fault) => `:warning: Not checked: ${sentence(fault.message, 300)} ${sentence(fault.fix, 200)}`),
      ...(now - until < METRICS_LAG_MS
        ? [
            'CloudWatch is some minutes behind: throttling may show only if you run `/rescan diagnose` again in 5 minutes.',
          ]
        : []),
    ],
    buttons: buttonsOf(remedies, run),
  });
}

function headline(finding: Finding): string {
  switch (finding.kind) {
    case 'main-cause': {
      const { cause, share } = finding;
      if (share >= 1)
        return `${cause.images === 1 ? 'the failure has one cause' : `all ${count(cause.images)} failures have one cause`}: ${formatCause(cause)}`;
      return `the most frequent cause explains ${percent(Math.round(share * 1000), 1000)} of the failed images`;
    }
    case 'many-causes':
      return `${counted(finding.causes, 'cause')}, none of them behind most failures`;
    case 'cluster':
      return 'failures are concentrated on some images';
    case 'throttling':
      return SOURCES[finding.throttling.source];
    case 'throttled':
      return 'the pipeline throttled many calls';
    case 'near-timeout':
      return finding.timedOut > 0
        ? 'images exceed the timeout of the function'
        : 'the function comes close to its timeout';
    case 'near-memory':
      return 'the function comes close to its memory limit';
    case 'quota-use':
      return 'the model’s quota is almost used up';
    case 'no-growth':
      return 'images are processed, but the table does not grow';
    case 'no-replies':
      return 'the function does not reply, so no image is processed';
    case 'unlogged':
      return 'failures leave no record in the table';
    case 'healthy':
      return 'nothing unusual';
  }
}

/** One finding and its fix; nothing where the headline says it all. */
function describeFinding(finding: Finding): readonly string[] {
  switch (finding.kind) {
    case 'main-cause':
      return finding.share >= 1
        ? []
        : [`*${counted(finding.cause.images, 'image')}* failed with ${formatCause(finding.cause)}.`];
    case 'many-causes':
      return [
        `${counted(finding.images, 'image')} failed for ${counted(finding.causes, 'different cause')}: probably the images or a change in the function’s code, not one broken service.`,
      ];
    case 'cluster': {
      const { by, group, images, failed, share, shareElsewhere } = finding.cluster;
      const whole = (part: number) => percent(Math.round(part * 1000), 1000);
      return [
        `${count(failed)} of ${counted(images, 'image')} ${GROUPS[by]} ${code(group, 120)} failed (${whole(share)}); elsewhere ${whole(shareElsewhere)}.`,
      ];
    }
    case 'throttling':
      return [
        `${SOURCES[finding.throttling.source]} ${counted(finding.throttling.times, 'time')} (according to CloudWatch).`,
      ];
    case 'throttled':
      return [
        `${count(finding.times)} of ${counted(finding.calls, 'call')} ${finding.times === 1 ? 'was' : 'were'} throttled; those images were tried again. Fix: a slower pace.`,
      ];
    case 'near-timeout':
      return [
        `The longest invocation took ${duration(finding.mostMs)}; the timeout is ${duration(finding.timeoutMs)}${finding.timedOut > 0 ? `, and ${counted(finding.timedOut, 'image')} exceeded it` : ''}. Fix: a higher timeout of the function.`,
      ];
    case 'near-memory':
      return [
        finding.mostMb === 0
          ? `Images ran out of memory (limit ${count(finding.memoryMb)} MB). Fix: more memory for the function.`
          : `The function used up to ${count(finding.mostMb)} MB of ${count(finding.memoryMb)} MB. Fix: more memory for the function.`,
      ];
    case 'quota-use':
      return [
        `${rate(finding.perMinute)} images a minute of the ${rate(finding.limit)} that ${code(finding.name, 120)} allows.`,
      ];
    case 'no-growth':
      return [
        `The table has not grown for ${counted(Math.round(finding.minutes), 'minute')}: the function reports stored entries, but none arrive. Check that it writes to this table.`,
      ];
    case 'no-replies':
      return [
        `No image has ended for ${counted(Math.round(finding.minutes), 'minute')}${finding.inFlight === 0 ? '' : `, and ${counted(finding.inFlight, 'invocation has', 'invocations have')} no reply`}. The function hangs, or its timeout is longer than this.`,
      ];
    case 'unlogged':
      return [
        `${counted(finding.images, 'failure')} left no record in the table. \`/rescan test-logging\` finds out why.`,
      ];
    case 'healthy':
      return ['No concentrated failures, no throttling, nothing close to a limit.'];
  }
}

const CAUSE_FIXES: Readonly<Record<string, string>> = {
  TEXTRACT_ERROR: 'check the status of Textract',
  TIMEOUT_ERROR: 'raise the timeout of the function',
  OUT_OF_MEMORY: 'give the function more memory',
  THROTTLING_ERROR: 'lower the pace or raise the quota',
};

function nextLine(failureType: string, run: RunSnapshot | undefined): string {
  const fix = CAUSE_FIXES[failureType] ?? 'find the cause in the function’s log';
  return `Next: ${fix}, then ${run && isResumable(run) ? 'press Resume' : 'retry the failed images'}.`;
}

const isResumable = ({ state }: RunSnapshot): boolean =>
  ['tripped', 'stopped', 'paused', 'interrupted'].includes(state.kind);

const CODES = { bedrock: 'bedrock', lambda: 'lambda', textract: 'textract' } as const;

/** The console of the region's partition of AWS. */
function consoleOf(region: string): string {
  const domain = region.startsWith('cn-')
    ? 'console.amazonaws.cn'
    : region.startsWith('us-gov-')
      ? 'console.amazonaws-us-gov.com'
      : 'console.aws.amazon.com';
  return `https://${region}.${domain}`;
}

/** The console pages where a person raises a limit: the bot cannot do that itself. */
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
        ? `Raise the table’s capacity or make it on demand in ${link(`${home}/dynamodbv2/home?region=${region}#tables`, 'DynamoDB')}.`
        : `Raise the quota in ${link(`${home}/servicequotas/home/services/${CODES[service]}/quotas`, `Service Quotas, ${CODES[service]}`)}.`,
    ),
    ...(ofFunction ? [`Set timeout and memory in ${link(page, 'the function’s configuration')}.`] : []),
  ];
}

function buttonsOf(remedies: readonly Remedy[], run: RunSnapshot | undefined): readonly Button[] {
  const retry = remedies.find((remedy) => remedy.kind === 'retry-cause');
  const isRunning = run?.state.kind === 'running';
  const canResume = run !== undefined && isResumable(run);
  return [
    // A slower pace set now applies when the run is resumed.
    ...(run && (isRunning || canResume) && remedies.some(({ kind }) => kind === 'slower')
      ? [button(ACTION.slower, 'Slower', run.runId)]
      : []),
    ...(canResume ? [button(ACTION.resume, 'Resume', run.runId)] : []),
    ...(retry && !isRunning && !canResume
      ? [button(ACTION.retry, `Retry the ${count(retry.images)}`, `cause:${retry.causeId}`)]
      : []),
    button(ACTION.showFailures, 'Show failures', 'failures'),
  ];
}
