import type { DeployRefusal } from '../../../pipeline/package/deploy-errors.ts';
import type { DeployStage } from '../../../pipeline/package/function-update.ts';
import type { PackageProblem } from '../../../pipeline/package/package-zip.ts';
import { code } from '../kit/escape.ts';
import { bytes, count } from '../kit/format.ts';

/** Why nothing was deployed, then what to do about it. */
export function deployRefusalLines(refusal: DeployRefusal): string[] {
  switch (refusal.reason) {
    case 'image-package':
      return [
        'Nothing was deployed: the function is a container image, not a zip, so the bot cannot add failure logging to it.',
        'Build `rescan_failure_logging.py` and `rescan_failure_record.py` into the image, or let an approver skip the step with `/rescan override test-logging because REASON`.',
      ];
    case 'runtime-not-python':
      return [
        `Nothing was deployed: the function’s runtime is ${code(refusal.runtime, 60)}, but the failure logging is Python.`,
      ];
    case 'signed-code':
      return [
        'Nothing was deployed: the function’s code is signed, so Lambda would refuse a package that the bot changed.',
        'Add the failure logging, sign the package and deploy it yourself.',
      ];
    case 'qualified':
      return [
        `Nothing was deployed: ${code(refusal.functionName, 170)} names the version or alias ${code(refusal.qualifier, 60)}, which a deploy of the function does not change.`,
        'Set `OCR_FUNCTION` to the function without it, or deploy the failure logging yourself and point the alias to the new version.',
      ];
    case 'key-clash':
      return [
        `Nothing was deployed: the table’s key attribute is named ${code(refusal.attribute, 100)}, and so is an attribute of failure records.`,
        'Log failures in a separate table, or let an approver skip the step with `/rescan override test-logging because REASON`.',
      ];
    case 'environment-unreadable':
      return [
        `Nothing was deployed: the function’s environment cannot be read, so the bot does not overwrite it. ${code(refusal.why, 300)}`,
        'Allow the bot `kms:Decrypt` on the key that encrypts the environment.',
      ];
    case 'not-taken':
      return [`Lambda refused ${code(refusal.action, 60)}: ${code(refusal.why, 300)}`];
    case 'function-failed':
      return [
        `Nothing was deployed: the function is in the state Failed. ${code(refusal.why, 300)}`,
        'Fix the function first.',
      ];
    case 'update-in-progress':
      return ['Nothing was deployed: another update of the function is in progress.', 'Try again when it is done.'];
    case 'no-package':
      return [
        'Nothing was deployed: Lambda did not provide the function’s package.',
        'The bot needs the permission `lambda:GetFunction`.',
      ];
    case 'package-not-given':
      return [
        `Nothing was deployed: the function’s package could not be downloaded (HTTP ${refusal.status}). Try again.`,
      ];
    case 'package-unreadable':
      return [
        `Nothing was deployed: ${code(refusal.name, 200)} cannot be used, because ${describeProblem(refusal.problem)}`,
      ];
    case 'given-not-found':
      return [`Nothing was deployed: ${code(refusal.name, 300)} does not exist.`];
    case 'other-bucket':
      return [
        `Nothing was deployed: \`from=\` reads a package only from the control bucket ${code(refusal.controlBucket, 100)}, not from ${code(refusal.bucket, 100)}. Whoever can write to another bucket must not decide what runs with the function’s role.`,
        `Copy the zip there (\`aws s3 cp new.zip s3://${refusal.controlBucket}/new.zip\`) and name it with \`from=\`, or attach it in the form of \`/rescan deploy\`.`,
      ];
    case 'handler-not-found':
      return [
        `Nothing was deployed: the package does not contain the handler ${code(refusal.handler, 200)}, so the function would not work.`,
        'Check the handler’s name, and that its file is at the top of the zip.',
      ];
    case 'too-large':
      return [
        `Nothing was deployed: the package would be ${bytes(refusal.bytes)} unpacked (limit of Lambda ${bytes(refusal.most)}).`,
      ];
    case 'environment-too-large':
      return [
        `Nothing was deployed: the function’s environment would be ${count(refusal.bytes)} bytes (limit of Lambda ${count(refusal.most)}).`,
        'Failure logging needs about 300 bytes of it.',
      ];
    case 'changed-since-preview':
      return [
        `Nothing was deployed: the function was changed after the preview (expected ${code(refusal.expected, 80)}, found ${code(refusal.found, 80)}).`,
        'Start again with `/rescan deploy` or `/rescan deploy rollback`.',
      ];
    case 'stored-package-gone':
      return [
        `Nothing was rolled back: the saved package is missing or was changed: ${code(refusal.key, 300)}.`,
        'Lambda still has the version that was published before the deploy: get the code from there.',
      ];
    case 'not-loadable':
      return [
        `The new package cannot be loaded: ${code(refusal.errorType, 80)} ${code(refusal.message, 400)}`,
        'A test invocation after the deploy found that. It processed no image.',
      ];
    case 'update-failed':
      return [`Lambda could not apply the update: ${code(refusal.why, 300)}. The previous code is still running.`];
  }
}

function describeProblem(problem: PackageProblem): string {
  switch (problem.reason) {
    case 'not-a-zip':
      return 'it is not a zip file.';
    case 'path-outside':
      return `it contains a path outside of the package, ${code(problem.path, 200)}.`;
    case 'too-large':
      return `its files are larger than ${bytes(problem.most)} (at ${code(problem.path, 200)}).`;
    case 'too-many-files':
      return `it contains ${count(problem.files)} files (limit ${count(problem.most)}).`;
    case 'duplicate-path':
      return `it contains ${code(problem.path, 200)} twice.`;
    case 'would-overwrite':
      return `its entry ${code(problem.path, 200)} would overwrite ${code(problem.overwritten, 200)}. Remove one of the two from the zip.`;
    case 'encrypted':
      return `its file ${code(problem.path, 200)} is encrypted.`;
    case 'damaged':
      return `its file ${code(problem.path, 200)} is damaged.`;
  }
}

/** How far an interrupted deploy or rollback came; the function works at each of these points. */
export const reachedLine = (reached: DeployStage): string => {
  const how: Readonly<Record<DeployStage, string>> = {
    'publishing-before': 'nothing was changed yet',
    code: 'while changing the code',
    configuration: 'while changing handler and environment',
    testing: 'after changing code, handler and environment, before testing whether the package can be loaded',
    'publishing-after': 'after changing code, handler and environment, before publishing the version',
  };
  return `It stopped there: ${how[reached]}. \`/rescan deploy\` finishes it; \`/rescan deploy rollback\` undoes it.`;
};
