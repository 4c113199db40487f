import type { Approval } from '../../../approvals/approval.ts';
import type { StepRefusal } from '../../../checklist/contracts/step-control.ts';
import { DEPLOY_FACT } from '../../../checklist/deploy/deploy-approvals.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, mention, sentence } from '../kit/escape.ts';
import { compose, type Message, say } from '../kit/message.ts';
import { stepRefusalLines } from '../refusals/step-refusals.ts';
import { approversLine, type WhoApproves } from '../table/approval-message.ts';
import { actionName } from '../table/describe-table.ts';
import { changedLines, decisionClause } from '../table/table-refusals.ts';

const factOf = ({ fingerprint }: Approval, name: string): string =>
  fingerprint.find((fact) => fact.name === name)?.value ?? 'unknown';
const functionOf = (approval: Approval): string =>
  code(factOf(approval, DEPLOY_FACT.function).split(':function:').at(-1) ?? '', 170);

/** What was asked for: `flush`, `deletion of backups`, `deploy of new code to NAME`. */
export const requestName = (approval: Approval): string =>
  approval.action === 'deploy' ? deployName(approval) : actionName(approval.action);
const deployName = (approval: Approval): string => `deploy of new code to ${functionOf(approval)}`;

/** What an approver compares; the rest of what the approval is bound to is in small print. */
const MAIN = [DEPLOY_FACT.sha256, DEPLOY_FACT.running, DEPLOY_FACT.rollback, DEPLOY_FACT.version];

/** A request to deploy code that is not the running one. Once it is decided the buttons are gone. */
export function deployApprovalMessage(approval: Approval, whoApproves: WhoApproves): Message {
  const { state, fingerprint, requestedBy } = approval;
  const what = `deploy the new code ${code(factOf(approval, DEPLOY_FACT.package), 150)} to ${functionOf(approval)}`;
  const files = [DEPLOY_FACT.added, DEPLOY_FACT.changed, DEPLOY_FACT.missing].flatMap((name) => {
    const value = fingerprint.find((fact) => fact.name === name)?.value;
    const warning = name === DEPLOY_FACT.missing && value !== 'none' ? ':warning: ' : '';
    return value === undefined ? [] : [`${warning}*${name.replace(/^f/, 'F')}* ${code(value, 500)}`];
  });
  const details = [
    ...files,
    approval.reason === undefined ? 'No reason given.' : `Reason: ${code(approval.reason, 500)}`,
  ];
  const smallPrint = fingerprint
    .filter(({ name }) => !MAIN.some((main) => main === name) && !name.startsWith('files '))
    .map(({ name, value }) => `${sentence(name, 60)}: ${code(value, 200)}`)
    .join('\n');
  const numbers = MAIN.map((name): [string, string] => [
    `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`,
    code(factOf(approval, name), 100),
  ]);
  if (state.kind === 'pending')
    return compose({
      fact: `Approval needed: ${deployName(approval)}`,
      lines: [
        `${mention(requestedBy)} asks to ${what}. It will run with the function’s role. Compare the SHA-256 of the zip with the one that you expect (\`sha256sum\`).`,
        ...details,
        approversLine(whoApproves, approval),
      ],
      numbers,
      notes: [smallPrint],
      buttons: [
        button(ACTION.approve, 'Approve', approval.id, {
          style: 'danger',
          confirm: { title: 'Approve this deploy?', text: 'It starts at once.', yes: 'Approve', no: 'Cancel' },
        }),
        button(ACTION.deny, 'Deny', approval.id),
      ],
    });
  const isApproved = state.kind === 'approved' || state.kind === 'used';
  const outcome = state.kind === 'void' ? 'approved, but not started' : isApproved ? 'approved' : state.kind;
  return compose({
    fact: `${deployName(approval).replace(/^d/, 'D')}: ${outcome}.`,
    lines: [
      `${mention(requestedBy)} asked to ${what}. The request ${decisionClause(state)}.`,
      ...details,
      ...(isApproved ? [] : ['Nothing was deployed.']),
      ...(state.kind === 'void' ? changedLines(state.changed) : []),
    ],
    numbers,
    notes: [smallPrint],
  });
}

/** Tells the requester that the request ended without a deploy; undefined where they know or it was deployed. */
export function deployRequestEndedMessage({ state, requestedBy }: Approval): Message | undefined {
  if (state.kind === 'pending' || state.kind === 'approved' || state.kind === 'used') return undefined;
  if (state.kind === 'withdrawn' && state.by === requestedBy) return undefined;
  return say(
    `${mention(requestedBy)}: your deploy request ${decisionClause(state)}. Nothing was deployed.`,
    ...(state.kind === 'void' ? changedLines(state.changed) : []),
    ...(state.kind === 'void' || state.kind === 'expired' ? ['`/rescan deploy` asks again.'] : []),
  );
}

/** Why an approved deploy did not begin. */
export const deployNotStartedMessage = (refusal: StepRefusal): Message =>
  say(
    ...(refusal.reason === 'deploy-unclear' ? [] : ['The approved deploy was not started.']),
    ...stepRefusalLines(refusal),
  );
