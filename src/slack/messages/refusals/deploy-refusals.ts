import type { DeployRefusal } from '../../../pipeline/package/deploy-errors.ts';
import type { DeployPlan, RollbackView } from '../../../pipeline/package/function-package.ts';
import type { Deployed, DeployStage } from '../../../pipeline/package/function-update.ts';
import type { PackageProblem } from '../../../pipeline/package/package-zip.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, mention } from '../kit/escape.ts';
import { bytes, count } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';

/** Why nothing was deployed, and what can be done about it. */
export function deployRefusalLines(refusal: DeployRefusal): string[] {
  switch (refusal.reason) {
    case 'image-package':
      return [
        'The function is a container image, not a zip: the bot cannot add failure logging to it.',
        'Build `rescan_failure_logging.py` and `rescan_failure_record.py` into the image, or let an approver pass it over with `/rescan override test-logging because …`.',
      ];
    case 'runtime-not-python':
      return [`The function’s runtime is ${code(refusal.runtime, 60)}; the failure logging is Python.`];
    case 'signed-code':
      return [
        'The function’s code is signed: a package changed by the bot would be refused. Sign and deploy it yourself.',
      ];
    case 'qualified':
      return [
        `${code(refusal.functionName, 170)} is the version or alias ${code(refusal.qualifier, 60)}: a deploy changes the function itself, which a rescan of that alias would not run.`,
        'Set `OCR_FUNCTION` to the function without it, or deploy the failure logging yourself and point the alias at the new version.',
      ];
    case 'key-clash':
      return [
        `The table’s key attribute is named ${code(refusal.attribute, 100)}, as an attribute of the records of failures is: no record could hold both.`,
        'Log failures in a table of their own, or let an approver pass it over with `/rescan override test-logging because …`.',
      ];
    case 'environment-unreadable':
      return [
        `The function’s environment cannot be read, so the bot will not write it: ${code(refusal.why, 300)}`,
        'Allow the bot `kms:Decrypt` on the key that encrypts the environment.',
      ];
    case 'not-taken':
      return [`Lambda refuses ${code(refusal.action, 60)}: ${code(refusal.why, 300)}`];
    case 'function-failed':
      return [`The function is in the state Failed: ${code(refusal.why, 300)}. Mend it first.`];
    case 'update-in-progress':
      return ['Somebody is updating the function right now. Try again when that is through.'];
    case 'no-package':
      return ['Lambda gave no place to fetch the function’s package from. The bot needs `lambda:GetFunction`.'];
    case 'package-not-given':
      return [`Lambda did not give the package: HTTP ${refusal.status}. Try again.`];
    case 'package-unreadable':
      return [`${code(refusal.name, 200)} cannot be used: ${problemText(refusal.problem)}`];
    case 'given-not-found':
      return [`There is no ${code(refusal.name, 300)}.`];
    case 'handler-not-found':
      return [
        `The handler ${code(refusal.handler, 200)} cannot be found in the package, so the function would not work with it.`,
        'Look at the handler’s setting, whether the zip is flat, and whether the file has that name in it.',
      ];
    case 'too-large':
      return [`Unpacked the package would be ${bytes(refusal.bytes)}; Lambda takes ${bytes(refusal.most)}.`];
    case 'environment-too-large':
      return [
        `The function’s environment would be ${count(refusal.bytes)} bytes; Lambda takes ${count(refusal.most)}.`,
        'Failure logging needs about 300 bytes of it.',
      ];
    case 'changed-since-preview':
      return [
        `The function is not what was looked at: ${code(refusal.expected, 80)} was expected, ${code(refusal.found, 80)} is there. Somebody changed it meanwhile.`,
        'Ask for it again (`/rescan deploy`, `/rescan deploy rollback`): it is looked at anew.',
      ];
    case 'stored-package-gone':
      return [
        `The package that was kept is gone or was changed: ${code(refusal.key, 300)}.`,
        'Lambda keeps the version that was published before the deploy: it can be fetched from there.',
      ];
    case 'update-failed':
      return [`Lambda could not carry the update out: ${code(refusal.why, 300)}. The former code goes on running.`];
  }
}

function problemText(problem: PackageProblem): string {
  switch (problem.reason) {
    case 'not-a-zip':
      return 'it is no zip file.';
    case 'path-outside':
      return `it holds a path outside of itself, ${code(problem.path, 200)}.`;
    case 'too-large':
      return `unpacked it is larger than ${bytes(problem.most)} (at ${code(problem.path, 200)}).`;
    case 'too-many-files':
      return `it holds ${count(problem.files)} files; at most ${count(problem.most)} are taken.`;
    case 'duplicate-path':
      return `it holds ${code(problem.path, 200)} twice.`;
    case 'encrypted':
      return `${code(problem.path, 200)} in it is encrypted.`;
    case 'damaged':
      return `${code(problem.path, 200)} in it is damaged.`;
  }
}

const hash = (sum: string) => code(sum.slice(0, 16));

/** What a deploy changes: code, handler, environment, size, version. */
export function deployPlanLines(plan: DeployPlan): string[] {
  const { former, next, ocrVersion } = plan;
  return [
    `*Function* ${code(plan.functionName, 170)}`,
    ...(plan.given === undefined ? [] : [`*Your code* ${code(plan.given, 200)} is deployed with it`]),
    `*Code* ${hash(former.codeSha256)} → ${next.codeSha256 === former.codeSha256 ? 'stays' : hash(next.codeSha256)}`,
    `*Handler* ${code(former.handler, 150)} → ${next.handler === former.handler ? 'stays' : code(next.handler, 150)}`,
    `*Package* ${bytes(former.codeBytes)} → ${bytes(next.codeBytes)}, ${bytes(plan.unpackedBytes)} unpacked`,
    `*OCR version* ${code(ocrVersion.before ?? 'not told', 60)} → ${code(ocrVersion.after ?? 'not told', 60)}`,
    `*Environment added*\n${Object.entries(next.environment)
      .map(([name, value]) => `• ${name} = ${code(value, 300)}`)
      .join('\n')}`,
    'Every other file of the package stays as it is, byte for byte. A version is published before and after; `/rescan deploy rollback` undoes it.',
    OWN_DEPLOYS,
  ];
}

/** What a team must know that goes on deploying by its own means: its package does not hold the handler. */
const OWN_DEPLOYS =
  'Deploy new code of yours by `/rescan deploy` from then on: a zip that you upload yourself lacks the handler, and every image would fail until `/rescan deploy` puts it back.';

export const IN_PLACE =
  'Failure logging is already in place: nothing would change. `/rescan test-logging` proves that it works.';

/** What a rollback brings back. */
export const rollbackPlanLines = (
  { functionName, former, next, ocrVersion }: DeployPlan,
  { keeps, ocrVersion: keptVersion }: RollbackView = {},
): string[] => [
  `*Function* ${code(functionName, 170)}`,
  ...(keeps === undefined
    ? [
        `*Code* ${hash(next.codeSha256)} → ${former.codeSha256 === next.codeSha256 ? 'stays' : `${hash(former.codeSha256)}, the very bytes that ran before`}`,
        ...(ocrVersion.before === ocrVersion.after
          ? []
          : [
              `*OCR version* ${code(ocrVersion.after ?? 'not told', 60)} → ${code(ocrVersion.before ?? 'not told', 60)}`,
            ]),
      ]
    : [
        `*Code* ${hash(keeps)} stays, OCR version ${code(keptVersion ?? 'not told', 60)}: somebody deployed it after the bot’s ${hash(next.codeSha256)}, and it is not thrown away`,
      ]),
  `*Handler* ${code(next.handler, 150)} → ${code(former.handler, 150)}`,
  `*Environment* ${Object.keys(next.environment).join(', ')} ${Object.keys(former.environment).length === 0 ? 'are taken out' : 'become what they were'}`,
];

/** After a deploy. */
export const deployedMessage = (done: Deployed, by: string): Message =>
  compose({
    fact: 'Failure logging is deployed around the function.',
    lines: [
      `Its code is ${hash(done.codeSha256)} now${versionText(done)}. Deployed by ${mention(by)}.`,
      'It is not proven yet: the test invokes the function once and looks for the record.',
      OWN_DEPLOYS,
    ],
    buttons: [button(ACTION.testLogging, 'Test failure logging', 'test-logging', { style: 'primary' })],
  });

const versionText = ({ versionBefore, versionAfter }: Deployed): string =>
  versionAfter === undefined
    ? ''
    : `, published as version ${code(versionAfter, 20)}${versionBefore === undefined ? '' : ` (before: ${code(versionBefore, 20)})`}`;

/** After a rollback. */
export const rolledBackMessage = (done: Deployed, by: string): Message =>
  compose({
    fact: done.keptCode
      ? 'The function’s handler and environment are back as they were; the code that was deployed since stayed.'
      : 'The function is back as it was: code, handler and environment.',
    lines: [
      `Its code is ${hash(done.codeSha256)}${versionText(done)}. Rolled back by ${mention(by)}.`,
      'What was proven of its failure logging counts no more.',
    ],
  });

/** How far a deploy or a rollback had come that broke off; the function works at each of these points. */
export const reachedLine = (reached: DeployStage): string => {
  const how: Readonly<Record<DeployStage, string>> = {
    'publishing-before': 'nothing of the function was changed yet',
    code: 'it was at changing the code',
    configuration: 'it was at changing handler and environment',
    'publishing-after': 'code, handler and environment were changed; only the version was not published',
  };
  return `It broke off: ${how[reached]}. \`/rescan deploy\` looks how the function stands, \`/rescan deploy rollback\` undoes it.`;
};
