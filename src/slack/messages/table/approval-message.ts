import { type Approval, type ApprovalPolicy, requestersOf } from '../../../approvals/approval.ts';
import type { Fact } from '../../../approvals/fingerprint.ts';
import { shortBackupId } from '../../../backup/format/backup-record.ts';
import { actionOf, type TableAction } from '../../../checklist/contracts/table-action.ts';
import {
  CONSUMERS,
  NOT_KEPT,
  NOT_REBUILDABLE,
  OVERRIDDEN,
  OVERWRITTEN,
  PEOPLE_OF_SCOPE,
  RECORDS_COUNTED,
  RECORDS_OF_SCOPE,
} from '../../../checklist/table-jobs/table-facts.ts';
import { mentionsOf, type NotifyTarget } from '../../notifications/targets.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, mention, mentionWho, sentence, unescapeMrkdwn } from '../kit/escape.ts';
import { compose, type Message, say } from '../kit/message.ts';
import { actionName, clockTime, correctionLines, describeAction, namedLines } from './describe-table.ts';
import { changedLines, decisionClause } from './table-refusals.ts';

/** Who may approve: the policy, and the user and group ids of the approvers. */
export interface WhoApproves {
  readonly policy: ApprovalPolicy;
  readonly approvers: readonly string[];
  /** Whom a request mentions. Absent: the approvers. */
  readonly notify?: readonly NotifyTarget[];
}

/** More mentions than this would notify people who are not needed. */
const MAX_MENTIONED = 10;

/** Mentions those who may approve: a mention notifies them before the request expires. */
export function approversLine(whoApproves: WhoApproves, approval: Approval): string {
  const { approvers, policy } = whoApproves;
  const until = clockTime(approval.expiresAt);
  const requesters = requestersOf(approval);
  if (policy === 'self')
    return `Approve or deny by ${until}. The requester may approve (policy \`self\`). One approval covers only this:`;
  const others = approvers.filter((id) => !requesters.includes(id));
  if (others.length === 0)
    return requesters.length === 1
      ? `Nobody can approve this, because \`APPROVERS\` lists nobody but the requester. It expires at ${until}:`
      : `Nobody can approve this, because everyone in \`APPROVERS\` counts as a requester. It expires at ${until}:`;
  const { notify = ['approvers'] } = whoApproves;
  if (!notify.includes('approvers')) {
    const mentioned = mentionsOf(notify, requesters, []);
    const addressees = mentioned.length === 0 ? '' : `${mentioned.join(' ')} `;
    return `${addressees}Everyone in \`APPROVERS\` except ${requesters.length === 1 ? 'the requester' : 'the requesters'} can approve this by ${until}. One approval covers only this:`;
  }
  const mentioned = others.slice(0, MAX_MENTIONED).map(mentionWho);
  const more = others.length > MAX_MENTIONED ? [`${others.length - MAX_MENTIONED} more`] : [];
  const excluded =
    requesters.length === 1 ? 'The requester cannot' : `The requesters (${requesters.map(mention).join(', ')}) cannot`;
  const also = mentionsOf(
    notify.filter((target) => target !== 'approvers'),
    [],
    [],
  ).filter((one) => !mentioned.includes(one));
  return `${[...mentioned, ...more, ...also].join(', ')}: approve or deny by ${until}. ${excluded} approve. One approval covers only this:`;
}

/**
 * A request for approval. While it is pending it has its buttons; once it is decided they are gone, and the message says
 * who decided.
 */
export function approvalMessage(approval: Approval, whoApproves: WhoApproves): Message {
  const action = actionOf(approval);
  const table = tableOf(approval);
  const counted = action.kind === 'flush' && action.scope ? RECORDS_OF_SCOPE : RECORDS_COUNTED;
  const what = describeAction(action, table, factOf(approval, counted));
  const { state } = approval;
  const name = actionName(approval.action);
  const reason = approval.reason === undefined ? 'No reason given.' : `Reason: ${code(approval.reason, 500)}`;
  const isOverridden = ({ name }: Fact) => name.startsWith(OVERRIDDEN);
  // The backups that are deleted are listed above.
  const isListed = ({ name: fact }: Fact) => action.kind === 'prune' && fact.startsWith('backup ');
  const bound = approval.fingerprint.filter((fact) => !isOverridden(fact) && !isListed(fact));
  const smallPrint = (facts: readonly Fact[]) =>
    facts.map(({ name, value }) => `${sentence(name, 60)}: ${code(value, 200)}`).join('\n');
  const details = [
    ...namedLines(action),
    ...correctionLines(action),
    ...unavailableLines(approval, action),
    reason,
    ...approval.fingerprint.filter(isOverridden).map(overriddenLine),
  ];
  if (state.kind === 'pending')
    return compose({
      fact: `Approval needed: ${name} of ${code(table, 120)}`,
      lines: [`${mention(approval.requestedBy)} asks to ${what}.`, ...details, approversLine(whoApproves, approval)],
      numbers: bound.filter(isMain).map(({ name, value }) => [capitalized(name), code(shortBackupId(value), 200)]),
      notes: [smallPrint(bound.filter((fact) => !isMain(fact) || fact.name === 'backup'))],
      buttons: [
        button(ACTION.approve, 'Approve', approval.id, {
          style: 'danger',
          confirm: {
            title: `Approve this ${name}?`,
            text: `It starts at once: ${plain(what)}.`,
            yes: 'Approve',
            no: 'Cancel',
          },
        }),
        button(ACTION.deny, 'Deny', approval.id),
        button(ACTION.denyWithReason, 'Deny with reason…', approval.id),
      ],
    });
  return compose({
    fact: `${capitalized(name)} of ${code(table, 120)}: ${OUTCOMES[state.kind]}.`,
    lines: [
      `${mention(approval.requestedBy)} asked to ${what}. The request ${decisionClause(state)}${ownText(approval)}.`,
      ...details,
      ...(state.kind === 'approved' || state.kind === 'used' ? [] : [nothingDone(action)]),
      ...(state.kind === 'void' ? changedLines(state.changed) : []),
    ],
    notes: [smallPrint(bound)],
  });
}

/** What an approver of `flush recreate` accepts besides the loss of the records. */
const unavailableLines = ({ fingerprint }: Approval, action: TableAction): readonly string[] =>
  action.kind === 'flush' && action.recreate
    ? [
        'The table does not exist for about a minute. Uploads in that time fail in the function; Lambda repeats them twice, then they go to the dead-letter queue or are dropped. The rescan processes their images.',
        'What is written to the table between the last comparison and the deletion is only in the safeguard.',
        ...fingerprint
          .filter(({ name }) => name.startsWith(NOT_KEPT))
          .map(({ value }) => `:warning: ${sentence(value, 400)}`),
      ]
    : [];

const OUTCOMES: Readonly<Record<Exclude<Approval['state']['kind'], 'pending'>, string>> = {
  approved: 'approved',
  used: 'approved',
  denied: 'denied',
  expired: 'expired',
  withdrawn: 'withdrawn',
  void: 'approved, but not started',
};

/** Tells the requester that their request ended without being carried out; undefined where they know or it was carried out. */
export function requestEndedMessage(approval: Approval): Message | undefined {
  const { state, requestedBy, action } = approval;
  const asked = actionOf(approval);
  const command =
    asked.kind === 'prune'
      ? `backups prune keep=${asked.keep}`
      : asked.kind === 'flush' && asked.recreate
        ? 'flush recreate'
        : action;
  if (state.kind === 'pending' || state.kind === 'approved' || state.kind === 'used') return undefined;
  if (state.kind === 'withdrawn' && state.by === requestedBy) return undefined;
  return say(
    `${mention(requestedBy)}: your ${actionName(action)} request ${decisionClause(state)}. ${nothingDone(asked)}`,
    ...(state.kind === 'void' ? changedLines(state.changed) : []),
    ...(state.kind === 'void' || state.kind === 'expired' ? [`\`/rescan ${command}\` asks again.`] : []),
  );
}

/** The job that a request would have continued has done its part before. */
const nothingDone = ({ continues }: TableAction): string =>
  continues === undefined ? 'Nothing was done.' : 'Nothing more was done.';

const factOf = ({ fingerprint }: Approval, name: string): string | undefined =>
  fingerprint.find((fact) => fact.name === name)?.value;

const tableOf = (approval: Approval): string => factOf(approval, 'table')?.split('/').at(-1) ?? 'the table';

/** What an approver has to weigh; the rest of what the approval is bound to is in small print. */
const MAIN_FACTS = new Set([
  RECORDS_COUNTED,
  RECORDS_OF_SCOPE,
  PEOPLE_OF_SCOPE,
  NOT_REBUILDABLE,
  CONSUMERS,
  'what is deleted',
  'safeguard',
  'mode',
  'records',
  OVERWRITTEN,
  'backup',
  'continues',
  'point-in-time recovery',
]);
const isMain = ({ name }: Fact): boolean => MAIN_FACTS.has(name);
const capitalized = (name: string) => `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;

/** A precondition that does not hold and was overridden: whoever approves must see it. */
function overriddenLine({ name, value }: Fact): string {
  const step = name.slice(OVERRIDDEN.length);
  const [, by, reason = ''] = /^([UW][A-Z0-9]+) because ([\s\S]*)$/.exec(value) ?? [];
  return by === undefined
    ? `:warning: *Overridden:* ${code(step)}, ${code(value, 500)}`
    : `:warning: *Overridden:* ${code(step)}, by ${mention(by)}, because ${code(reason, 500)}`;
}

/** The record must show that one person asked and approved. */
function ownText(approval: Approval): string {
  const { state } = approval;
  const isOwn = (state.kind === 'approved' || state.kind === 'used') && requestersOf(approval).includes(state.by);
  return isOwn ? ', who is the requester (policy `self`)' : '';
}

const plain = (text: string) => unescapeMrkdwn(text.replaceAll('`', ''));
