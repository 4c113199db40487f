import type { QuotaLine, QuotaReport } from '../../../checklist/contracts/quota-report.ts';
import { code, sentence } from '../kit/escape.ts';
import { count, duration, rate } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';
import { describeLimit } from './describe-limit.ts';

const SIGNS: Readonly<Record<QuotaLine['verdict'], string>> = {
  ok: ':white_check_mark: ok',
  tight: ':warning: tight',
  blocking: ':no_entry: blocking',
  unknown: ':grey_question: not known',
};

/** Each limit with its verdict, the pace that follows, and the arithmetic behind it. */
export function quotaMessage(report: QuotaReport): Message {
  const { lines, blocking, pacePerMinute, because, maxInFlight } = report;
  return compose({
    fact:
      blocking.length > 0
        ? `Quotas block a rescan: ${blocking.map(({ limit }) => describeLimit(limit)).join('; ')}.`
        : `Quotas allow ${rate(pacePerMinute)} images a minute, ${count(maxInFlight)} at once. ${lines.some(isUnread) ? 'Nothing that could be read blocks.' : 'Nothing blocks.'}`,
    lines: [
      ...lines.map((line) => `${SIGNS[line.verdict]} · ${lineText(line, report)}`),
      ...report.notes.map((note) => `:grey_question: ${sentence(note, 300)}`),
      ...(lines.some(isRaisedThere)
        ? ['A quota is raised in AWS’s console: Service Quotas → the service → the name as it stands here.']
        : []),
    ],
    notes: [`The arithmetic: ${because.map((line) => sentence(line, 300)).join(' · ')}`],
  });
}

/** It is not known how much there is; a setting stands in at most. */
const isUnread = ({ verdict, value, source }: QuotaLine): boolean =>
  verdict === 'unknown' && (value === undefined || source === 'setting');

/** Too little of it, and Service Quotas names it: what is set, or only not known, is not raised there. */
const isRaisedThere = ({ verdict, source }: QuotaLine): boolean =>
  (verdict === 'tight' || verdict === 'blocking') && (source === 'applied' || source === 'default');

const SOURCES = {
  applied: 'as applied to this account',
  default: 'AWS’s default, as none is applied',
  setting: 'from the setting, as Service Quotas did not tell',
  read: '',
} as const;

function lineText(line: QuotaLine, { functionMemoryMb, functionTimeoutMs }: QuotaReport): string {
  const { value, needs, name } = line;
  const amount = value === undefined ? '' : count(value);
  const from = line.source === undefined || line.source === 'read' ? '' : `, ${SOURCES[line.source]}`;
  const needed = needs === undefined ? '' : `; the pace needs ${count(needs)}`;
  const quoted = name === undefined ? '' : ` (${sentence(name, 200)})`;
  switch (line.limit) {
    case 'model-requests':
      return `Model: ${amount} requests a minute${from}${quoted}`;
    case 'model-tokens':
      return value === undefined
        ? 'Model: tokens a minute'
        : `Model: ${amount} tokens a minute${from}${needed === '' && line.verdict === 'unknown' ? '; what an image takes is not known (setting `TOKENS_PER_IMAGE`)' : needed}${quoted}`;
    case 'account-concurrency':
      return `Lambda: ${value === undefined ? 'concurrency of the account' : `${amount} concurrent executions in the account`}`;
    case 'free-concurrency':
      return `Lambda: ${value === undefined ? 'what is free' : `${amount} of them unreserved`}${needed}${functionText(functionTimeoutMs, functionMemoryMb)}`;
    case 'function':
      return `Function: ${amount} reserved for it${needed}${functionText(functionTimeoutMs, functionMemoryMb)}`;
    case 'table':
      return name === undefined ? 'Table: how it is billed' : `Table: on demand, so it takes what comes`;
    case 'write-capacity':
      return `Table: ${code(name ?? '', 120)} takes ${amount} write units a second${needed}`;
    case 'textract':
      return `Textract: ${amount} a second${from}${needed}${quoted}`;
  }
}

function functionText(timeoutMs: number | undefined, memoryMb: number | undefined): string {
  if (timeoutMs === undefined) return '';
  return `; timeout ${duration(timeoutMs)}${memoryMb === undefined ? '' : `, ${count(memoryMb)} MB`}`;
}
