import type { Approval, ApprovalPolicy } from '../../../approvals/approval.ts';
import type { Fact } from '../../../approvals/fingerprint.ts';
import { tableActSchema } from '../../../checklist/contracts/table-control.ts';
import { PASSED_OVER } from '../../../checklist/table-jobs/table-facts.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, mention, mentionWho, sentence, unescapeMrkdwn } from '../kit/escape.ts';
import { compose, type Message } from '../kit/message.ts';
import { changedLines, decidedText } from './table-refusals.ts';
import { actText, namedLines } from './table-text.ts';

/** Slack shows it in each reader's own time zone. */
const clockTime = (at: number) =>
  `<!date^${Math.floor(at / 1000)}^{time}|${new Date(at).toISOString().slice(11, 16)} UTC>`;

/** Whose yes counts: the policy, and the user and group ids of the approvers. */
export interface WhoApproves {
  readonly policy: ApprovalPolicy;
  readonly approvers: readonly string[];
}

/** So many approvers are called by name; a longer list would be noise to most of them. */
const MOST_CALLED = 10;

/** Calls those who may approve: a mention notifies them, so that nobody has to be looked for while the request runs out. */
function callText(approvers: readonly string[], asker: string): string {
  const others = approvers.filter((id) => id !== asker);
  if (others.length === 0) return 'Nobody can approve this, as `APPROVERS` names nobody but who asks. It stands';
  const called = others.slice(0, MOST_CALLED).map(mentionWho);
  const more = others.length > MOST_CALLED ? [`${others.length - MOST_CALLED} more`] : [];
  return `${[...called, ...more].join(', ')}: one of you must approve, not who asks`;
}

/**
 * A request for approval, and what came of it. While it waits it has its two buttons; once it is decided they are gone and
 * who decided stays.
 */
export function approvalMessage(approval: Approval, { policy, approvers }: WhoApproves): Message {
  const act = tableActSchema.parse(JSON.parse(approval.options));
  const table =
    approval.fingerprint
      .find((fact) => fact.name === 'table')
      ?.value.split('/')
      .at(-1) ?? 'the table';
  const what = actText(act, table);
  const { state } = approval;
  const isPassedOver = ({ name }: Fact) => name.startsWith(PASSED_OVER);
  const bound = approval.fingerprint.filter((fact) => !isPassedOver(fact));
  const smallPrint = (facts: readonly Fact[]) =>
    facts.map(({ name, value }) => `${sentence(name, 60)}: ${code(value, 200)}`).join('\n');
  const passedOver = approval.fingerprint.filter(isPassedOver).map(passedOverLine);
  const asks = `${mention(approval.requestedBy)} asks to ${what}.`;
  const why = approval.reason === undefined ? 'No reason was given.' : `Why: ${code(approval.reason, 500)}`;
  if (state.kind === 'pending')
    return compose({
      fact: `Approval needed: ${approval.act} of ${code(table, 120)}`,
      lines: [
        asks,
        ...namedLines(act),
        why,
        ...passedOver,
        policy === 'self'
          ? 'A team of one: the requester’s own yes counts.'
          : `${callText(approvers, approval.requestedBy)}, until ${clockTime(approval.expiresAt)}. It holds for exactly this, and once:`,
      ],
      numbers: bound.filter(isWeighed).map(({ name, value }) => [headed(name), code(value, 200)]),
      notes: [smallPrint(bound.filter((fact) => !isWeighed(fact)))],
      buttons: [
        button(ACTION.approve, 'Approve', approval.id, {
          style: 'danger',
          confirm: {
            title: `Approve this ${approval.act}?`,
            text: `It begins at once: ${plain(what)}.`,
            yes: 'Approve',
            no: 'Not yet',
          },
        }),
        button(ACTION.deny, 'Deny', approval.id),
      ],
    });
  return compose({
    fact: `${approval.act === 'flush' ? 'Flush' : 'Restore'} of ${code(table, 120)}: ${decidedText(state)}${ownText(approval)}.`,
    lines: [
      asks,
      ...namedLines(act),
      why,
      ...passedOver,
      ...(state.kind === 'void' ? ['Nothing was done. What changed:', ...changedLines(state.changed)] : []),
      ...(state.kind === 'expired' || state.kind === 'denied' || state.kind === 'withdrawn'
        ? ['Nothing was done.']
        : []),
    ],
    notes: [smallPrint(bound)],
  });
}

/** What an approver weighs, to be read at a glance; the rest of what the yes is bound to stands in small print. */
const WEIGHED = new Set(['records counted', 'what is deleted', 'mode', 'records', 'backup']);
const isWeighed = ({ name }: Fact): boolean => WEIGHED.has(name);
const headed = (name: string) => `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;

/** A gate that this act goes without: whoever approves must see it. */
function passedOverLine({ name, value }: Fact): string {
  const step = name.slice(PASSED_OVER.length);
  const [, by, reason = ''] = /^([UW][A-Z0-9]+) because ([\s\S]*)$/.exec(value) ?? [];
  return by === undefined
    ? `:warning: *Passed over:* ${code(step)}, ${code(value, 500)}`
    : `:warning: *Passed over:* ${code(step)}, by ${mention(by)}, because ${code(reason, 500)}`;
}

/** What the audit must show: one person asked and approved. */
function ownText({ state, requestedBy }: Approval): string {
  const isOwn = (state.kind === 'approved' || state.kind === 'used') && state.by === requestedBy;
  return isOwn ? ', who asked for it (policy: self)' : '';
}

const plain = (text: string) => unescapeMrkdwn(text.replaceAll('`', ''));
