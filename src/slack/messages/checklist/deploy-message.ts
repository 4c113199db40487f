import type { DeployEnd, DeployEvent, DeployView, LateEnd } from '../../../checklist/contracts/step-control.ts';
import type { DeployPlan, RollbackView } from '../../../pipeline/package/function-package.ts';
import type { Deployed } from '../../../pipeline/package/function-update.ts';
import type { Names } from '../../../pipeline/package/package-files.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, mention } from '../kit/escape.ts';
import { bytes, count, counted } from '../kit/format.ts';
import { compose, type Message, say } from '../kit/message.ts';
import { stepRefusalLines } from '../refusals/step-refusals.ts';

/** More names than this would not fit into a form, whose texts are limited to 3,000 characters. */
const MAX_NAMES_SHOWN = 8;
const hash = (sum: string) => code(sum.slice(0, 16));

/** What a deploy changes: code, handler, environment, size, version. */
export function deployPlanLines(plan: DeployPlan): string[] {
  const { former, next, ocrVersion } = plan;
  return [
    `*Function* ${code(plan.functionName, 170)}`,
    ...(plan.given === undefined ? [] : [`*Your code* ${code(plan.given, 200)} is deployed too`]),
    `*Code* ${hash(former.codeSha256)} → ${next.codeSha256 === former.codeSha256 ? 'unchanged' : hash(next.codeSha256)}`,
    `*Handler* ${code(former.handler, 150)} → ${next.handler === former.handler ? 'unchanged' : code(next.handler, 150)}`,
    `*Package* ${bytes(former.codeBytes)} → ${bytes(next.codeBytes)}, ${bytes(plan.unpackedBytes)} unpacked`,
    `*OCR version* ${code(ocrVersion.before ?? 'unknown', 60)} → ${code(ocrVersion.after ?? 'unknown', 60)}`,
    `*Environment added*\n${Object.entries(next.environment)
      .map(([name, value]) => `• ${name} = ${code(value, 300)}`)
      .join('\n')}`,
    'A version is published before and after; `/rescan deploy rollback` undoes the deploy.',
    OWN_DEPLOYS,
  ];
}

/** Which files of the package are added, changed and missing. */
export function fileLines({ files, fromOutside }: Pick<DeployPlan, 'files' | 'fromOutside'>): string[] {
  const outside =
    fromOutside === undefined
      ? []
      : [
          `${namesOf(fromOutside)} ${fromOutside.count === 1 ? 'is' : 'are'} stored without the leading \`../\`, as \`unzip\` does.`,
        ];
  if (files === undefined)
    return [
      ':warning: The running package cannot be read, so its files cannot be compared with the new ones.',
      ...outside,
    ];
  const { added, changed, missing, same } = files;
  return [
    `*Files added* ${namesOf(added)}`,
    `*Files changed* ${namesOf(changed)}`,
    `${missing.count === 0 ? '' : ':warning: '}*Files missing* ${namesOf(missing)}${missing.count === 0 ? '' : ': the running package has them, the new one does not'}`,
    `${counted(same, 'file')} ${same === 1 ? 'stays as it is' : 'stay as they are'}, byte for byte.`,
    ...outside,
  ];
}

const namesOf = ({ count: total, names }: Names): string => {
  const shown = names.slice(0, MAX_NAMES_SHOWN);
  const more = total - shown.length;
  return total === 0
    ? 'none'
    : `${shown.map((name) => code(name, 60)).join(', ')}${more === 0 ? '' : ` and ${count(more)} more`}`;
};

/** A package that the team deploys by other means does not contain the wrapper, which the function's handler setting points to. */
const OWN_DEPLOYS =
  ':warning: From now on deploy this function only with `/rescan deploy`. An upload by any other means (console, CI, Terraform) removes our wrapper, and *every image will fail* until you run `/rescan deploy` again.';

export const IN_PLACE =
  'Failure logging is already installed, so nothing would change. Test it with `/rescan test-logging`.';

/** What a rollback restores. */
export const rollbackPlanLines = (
  { functionName, former, next, ocrVersion }: DeployPlan,
  { keeps, ocrVersion: keptVersion }: RollbackView = {},
): string[] => [
  `*Function* ${code(functionName, 170)}`,
  ...(keeps === undefined
    ? [
        `*Code* ${hash(next.codeSha256)} → ${former.codeSha256 === next.codeSha256 ? 'unchanged' : `${hash(former.codeSha256)}, exactly the code from before the deploy`}`,
        ...(ocrVersion.before === ocrVersion.after
          ? []
          : [`*OCR version* ${code(ocrVersion.after ?? 'unknown', 60)} → ${code(ocrVersion.before ?? 'unknown', 60)}`]),
      ]
    : [
        `*Code* ${hash(keeps)} (OCR version ${code(keptVersion ?? 'unknown', 60)}) stays, because somebody deployed it after the bot’s ${hash(next.codeSha256)}`,
      ]),
  `*Handler* ${code(next.handler, 150)} → ${code(former.handler, 150)}`,
  `*Environment* ${Object.keys(next.environment).join(', ')} ${Object.keys(former.environment).length === 0 ? 'are removed' : 'get their earlier values'}`,
];

/** After a deploy. */
export const deployedMessage = (done: Deployed, by: string, { files }: Pick<DeployPlan, 'files'> = {}): Message =>
  compose({
    fact: 'Failure logging is deployed.',
    lines: [
      `The function’s code is now ${hash(done.codeSha256)}${versionText(done)}. Deployed by ${mention(by)}.`,
      done.untested === undefined
        ? 'A test invocation proved that the package can be loaded. It processed no image.'
        : `:warning: It is not known whether the package can be loaded, because the function could not be invoked: ${code(done.untested, 300)}`,
      ...(files === undefined ? [] : [filesDone(files)]),
      'Next: test it. The test invokes the function once for an image that does not exist and looks for the record.',
      OWN_DEPLOYS,
    ],
    buttons: [button(ACTION.testLogging, 'Test failure logging', 'test-logging', { style: 'primary' })],
  });

const filesDone = ({ added, changed, missing, same }: NonNullable<DeployPlan['files']>): string =>
  `Files: ${count(added.count)} added, ${count(changed.count)} changed, ${count(same)} as before, ${missing.count === 0 ? 'none missing' : `${count(missing.count)} missing (${namesOf(missing)})`}.`;

const versionText = ({ versionBefore, versionAfter }: Deployed): string =>
  versionAfter === undefined
    ? ''
    : `, published as version ${code(versionAfter, 20)}${versionBefore === undefined ? '' : ` (previous: ${code(versionBefore, 20)})`}`;

/** After a rollback. */
export const rolledBackMessage = (done: Deployed, by: string): Message =>
  compose({
    fact: done.keptCode
      ? 'Rolled back: the function’s handler and environment are as before; the code that was deployed since is kept.'
      : 'Rolled back: the function’s code, handler and environment are as before.',
    lines: [
      `The function’s code is ${hash(done.codeSha256)}${versionText(done)}. Rolled back by ${mention(by)}.`,
      'Earlier tests of failure logging no longer count. Test again with `/rescan test-logging`.',
    ],
  });

const nameOf = ({ kind, plan }: DeployView): string =>
  `${kind === 'deploy' ? 'The deploy to' : 'The rollback of'} ${code(plan.functionName, 170)}`;

/**
 * The first message of a deploy. It stays true whatever happens next: a process that dies before it has stored where this
 * message is can never edit it.
 */
export const deployAskedMessage = (deploy: DeployView): Message =>
  say(`${nameOf(deploy)} was requested by ${mention(deploy.by)}. \`/rescan checklist\` shows how it ended.`);

const STAGES: Readonly<Record<Extract<DeployEvent, { kind: 'stage' }>['stage'], string>> = {
  'publishing-before': 'publishing the current version',
  code: 'changing the code',
  configuration: 'changing handler and environment',
  testing: 'testing whether the package can be loaded',
  'publishing-after': 'publishing the new version',
  undoing: 'the new package cannot be loaded, so it is being rolled back',
};

/** The live message while it goes on. */
export const deployingMessage = (deploy: DeployView, stage?: keyof typeof STAGES): Message =>
  say(`${nameOf(deploy)} is in progress${stage === undefined ? '' : `: ${STAGES[stage]}`}.`, requestedLine(deploy));

/** The deploy or rollback as one line of the status. `isWaiting`: a run or a job has the pipeline, so it cannot go on. */
export const deployLine = (deploy: DeployView, { isWaiting }: { readonly isWaiting: boolean }): string =>
  `${nameOf(deploy)} ${isWaiting ? 'was interrupted and continues when the pipeline is free' : 'is in progress'}. ${requestedLine(deploy)}`;

/** Why a stop does not stop it, and what happens instead. */
export const deployGoesOnLine = (deploy: DeployView): string =>
  `${nameOf(deploy)} is in progress and continues: an update of a function cannot be stopped in the middle. The bot finishes it and says how it ended. ${deploy.kind === 'deploy' ? '`/rescan deploy rollback` undoes it afterwards' : '`/rescan deploy` deploys again afterwards'}.`;

const requestedLine = ({ by, approvedBy }: DeployView): string =>
  `Requested by ${mention(by)}${approvedBy === undefined ? '' : `, approved by ${mention(approvedBy)}`}.`;

/** It did not end. `until`: what prevents that the bot finishes it. */
export function deployInterruptedMessage({ deploy, until }: Extract<DeployEvent, { kind: 'interrupted' }>): Message {
  return say(
    `${nameOf(deploy)} was interrupted. It is not finished.`,
    `The bot finishes it as soon as it can.${until === undefined ? '' : ' At the moment it cannot:'}`,
    ...(until === undefined ? [] : stepRefusalLines(until)),
  );
}

/** How a deploy or a rollback ended. */
export function deployEndMessage(deploy: DeployView, end: DeployEnd): Message {
  if (end.kind === 'finished')
    return deploy.kind === 'deploy'
      ? deployedMessage(end.deployed, deploy.by, deploy.plan)
      : rolledBackMessage(end.deployed, deploy.by);
  const { refusal } = end;
  const isUndone = refusal.reason === 'deploy' && refusal.undone === 'undone';
  return compose({
    fact: `${nameOf(deploy)} ${isUndone ? 'failed and was rolled back' : 'failed'}.`,
    lines: [...stepRefusalLines(refusal), requestedLine(deploy)],
  });
}

/** Tells the requester, in the thread, how a deploy ended whose end comes late. */
export function lateEndMessage(deploy: DeployView, end: DeployEnd, late: LateEnd): Message {
  const what = `${mention(deploy.by)}: ${nameOf(deploy).replace(/^T/, 't')}`;
  const how = end.kind === 'finished' ? 'finished' : 'failed';
  return say(
    late === 'interrupted'
      ? `${what} was interrupted, and has now ${how}.`
      : `${what} has ${how}. It could not be shown earlier.`,
  );
}

/** Somebody removed our handler by a deploy of their own. */
export function wrapperRemovedMessage({
  functionName,
  removed,
}: Pick<Extract<DeployEvent, { kind: 'wrapper-removed' }>, 'functionName' | 'removed'>): Message {
  const { what, codeSha256, handler } = removed;
  return what === 'code'
    ? say(
        `:warning: *Every image fails:* other code was deployed to ${code(functionName, 170)}, and it lacks the failure logging.`,
        `The function’s handler is still ${code(handler, 150)}, which the code ${hash(codeSha256)} does not contain.`,
        'Add it to the new code with `/rescan deploy`. `/rescan deploy rollback` removes the failure logging and keeps the new code.',
      )
    : say(
        `:warning: Failures are no longer recorded: the handler of ${code(functionName, 170)} was changed to ${code(handler, 150)}.`,
        'Images are processed as before. Add the failure logging again with `/rescan deploy`.',
      );
}
