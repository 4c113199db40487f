import type { QuotaLine, QuotaReport } from '../../../checklist/contracts/quota-report.ts';
import { code, sentence } from '../kit/escape.ts';
import { count, duration, rate } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';
import { describeLimit } from './describe-limit.ts';

const SIGNS: Readonly<Record<QuotaLine['verdict'], string>> = {
  ok: ':white_check_mark: ok',
  tight: ':warning: tight',
  blocking: ':no_entry: blocking',
  unknown: ':grey_question: unknown',
};

/** The pace that the quotas allow, each limit with its verdict, and the calculation. */
export function quotaMessage(report: QuotaReport): Message {
  const { lines, blocking, pacePerMinute, because, maxInFlight } = report;
  return compose({
    fact:
      blocking.length > 0
        ? `Quotas block a rescan: ${blocking.map(({ limit }) => describeLimit(limit)).join('; ')}.`
        : `Quotas allow ${rate(pacePerMinute)} images a minute, ${count(maxInFlight)} at once. ${lines.some(isUnread) ? 'No limit that could be read blocks.' : 'No limit blocks.'}`,
    lines: [
      ...lines.map((line) => `${SIGNS[line.verdict]} · ${lineText(line, report)}`),
      ...report.notes.map((note) => `:grey_question: ${sentence(note, 300)}`),
      ...(lines.some(isRaisedThere)
        ? ['To raise a quota: AWS console → Service Quotas → the service → the name shown here.']
        : []),
    ],
    notes: [`Calculation: ${because.map((line) => sentence(line, 300)).join(' · ')}`],
  });
}

/** The limit could not be read; at most a setting stands in for it. */
const isUnread = ({ verdict, value, source }: QuotaLine): boolean =>
  verdict === 'unknown' && (value === undefined || source === 'setting');

/** The limit is too low and can be raised in Service Quotas; a limit from a setting or an unknown one cannot. */
const isRaisedThere = ({ verdict, source }: QuotaLine): boolean =>
  (verdict === 'tight' || verdict === 'blocking') && (source === 'applied' || source === 'default');

const SOURCES = {
  applied: 'applied to this account',
  default: 'AWS’s default',
  setting: 'from the setting, because Service Quotas could not be read',
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
        : `Model: ${amount} tokens a minute${from}${needed === '' && line.verdict === 'unknown' ? '; set `TOKENS_PER_IMAGE` to the tokens that an image needs' : needed}${quoted}`;
    case 'account-concurrency':
      return `Lambda: ${value === undefined ? 'concurrency of the account' : `${amount} concurrent executions in the account`}`;
    case 'free-concurrency':
      return `Lambda: ${value === undefined ? 'unreserved concurrency' : `${amount} of them unreserved`}${needed}${functionText(functionTimeoutMs, functionMemoryMb)}`;
    case 'function':
      return `Function: ${amount} reserved for it${needed}${functionText(functionTimeoutMs, functionMemoryMb)}`;
    case 'table':
      return name === undefined ? 'Table: billing mode' : 'Table: on demand, no write limit';
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
