import { withoutSecrets } from '../../../lib/redact.ts';
import type { InvocationLog } from '../../../pipeline/logs/log-report.ts';
import type { LogLine } from '../../../pipeline/logs/logs.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, escapeMrkdwn, mention, shorten, UNSEEN } from '../kit/escape.ts';
import { count, counted, duration, shortDuration } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';

/** Characters of one block of lines, well within a section with its markup. */
const MOST_BLOCK = 2_400;
const MOST_LINE = 400;
const MOST_GROUPS = 6;
/** Lines shown before the first error of an invocation that does not fit as a whole. */
const LINES_BEFORE_ERROR = 2;

const clock = (at: number) => new Date(at).toISOString().slice(11, 19);

/** One line as plain text: its time and its message, without credentials and invisible characters. */
export const lineText = ({ at, message }: LogLine): string =>
  `${clock(at)} ${shorten(
    withoutSecrets(message.slice(0, MOST_LINE * 10))
      .replace(UNSEEN, ' ')
      .trimEnd(),
    MOST_LINE,
  )}`;

/** As many lines as fit into one block of code; how many these are, and whether every line is there in full. */
export function codeBlock(lines: readonly LogLine[]): {
  readonly text: string;
  readonly shown: number;
  readonly isWhole: boolean;
} {
  const taken: string[] = [];
  let length = 0;
  let isWhole = true;
  for (const line of lines) {
    // A fence in a line would end the block.
    const text = escapeMrkdwn(lineText(line).replaceAll('`', "'"));
    if (length + text.length + 1 > MOST_BLOCK) break;
    taken.push(text);
    length += text.length + 1;
    isWhole &&= line.message.trimEnd().length <= MOST_LINE;
  }
  return {
    text: `\`\`\`\n${taken.join('\n')}\n\`\`\``,
    shown: taken.length,
    isWhole: isWhole && taken.length === lines.length,
  };
}

export interface LogsAsked {
  readonly errorsOnly: boolean;
  readonly fromMs: number;
  readonly pattern?: string | undefined;
  readonly image?: string | undefined;
}

/** What was asked for: `the last 15 min, errors only`. */
export const formatLogQuery = ({ errorsOnly, fromMs, pattern, image }: LogsAsked): string =>
  [
    `the last ${duration(fromMs)}`,
    ...(errorsOnly ? ['errors only'] : []),
    ...(pattern === undefined ? [] : [`pattern ${code(pattern, 120)}`]),
    ...(image === undefined ? [] : [`image ${code(image, 150)}`]),
  ].join(', ');

/** The log by invocation, errors first, and whether the message shows all that was read. */
export function logsMessage(
  groups: readonly InvocationLog[],
  asked: LogsAsked,
  read: {
    readonly lines: number;
    readonly isCut: boolean;
    readonly from: number;
    /** The log does not name the image: these runs know which invocations were for it. */
    readonly invokedBy?: readonly string[];
  },
): { readonly message: Message; readonly isWhole: boolean } {
  const errors = groups.filter(({ isError }) => isError).length;
  const spoken = groups.filter(({ lines }) => lines.length > 0);
  const blocks = spoken.slice(0, MOST_GROUPS).map((group) => ({ group, ...blockOf(group) }));
  const shownLines = blocks.reduce((sum, block) => sum + block.shown, 0);
  const allLines = groups.reduce((sum, { lines }) => sum + lines.length, 0);
  const isWhole = shownLines === allLines && blocks.every((block) => block.isWhole);
  const invocations = groups.filter(({ requestId }) => requestId !== undefined).length;
  return {
    isWhole,
    message: compose({
      fact:
        groups.length === 0
          ? `The function’s log has no lines for ${formatLogQuery(asked)}.`
          : read.invokedBy
            ? `${counted(groups.length, 'invocation')} for image ${code(asked.image ?? '', 150)}, ${errors === 0 ? 'none' : count(errors)} with errors.`
            : `${invocations === 0 ? 'Lines outside an invocation' : counted(invocations, 'invocation')} in the function’s log, ${errors === 0 ? 'none' : count(errors)} with errors (${formatLogQuery(asked)}).`,
      lines:
        groups.length === 0
          ? ['CloudWatch shows a line some seconds after it was written.']
          : read.invokedBy
            ? [
                `The log of ${formatLogQuery({ ...asked, image: undefined })} does not name the image. These invocations were found by their request ids in ${read.invokedBy.map((id) => code(id, 40)).join(', ')}.`,
              ]
            : [],
      figures: blocks.map(({ group, text }) => ({
        block: { type: 'section', text: { type: 'mrkdwn', text: `${headOf(group)}\n${text}` } },
        plain: [`${headOf(group)}\n${text}`],
      })),
      notes: [
        ...(isWhole
          ? []
          : [
              shownLines === allLines
                ? 'Long lines are cut here; the file has them in full.'
                : `Shown: ${count(shownLines)} of ${counted(allLines, 'line')}. The file has all of them.`,
            ]),
        ...(read.isCut
          ? [
              `The log is too long to be read at once: this starts at ${new Date(read.from).toISOString().slice(0, 19)} UTC. Use a smaller \`minutes=\`, a \`pattern=\` or an \`image=\` to see the rest.`,
            ]
          : []),
      ],
    }),
  };
}

/** All lines of an invocation, or where they do not fit those about its first error. */
function blockOf({ lines, firstError }: InvocationLog): ReturnType<typeof codeBlock> {
  const all = codeBlock(lines);
  if (all.shown === lines.length || firstError - LINES_BEFORE_ERROR <= 0) return all;
  const before = firstError - LINES_BEFORE_ERROR;
  const { text, shown } = codeBlock(lines.slice(before));
  return { text: `… ${counted(before, 'earlier line')}\n${text}`, shown, isWhole: false };
}

function headOf({ requestId, isError, report, at }: InvocationLog): string {
  const sign = isError ? ':x:' : ':white_check_mark:';
  const took = report
    ? ` · ${shortDuration(report.durationMs)}${report.maxMemoryMb === undefined ? '' : ` · ${count(report.maxMemoryMb)} MB`}`
    : '';
  return `${sign} *${clock(at)} UTC* ${requestId === undefined ? 'outside an invocation (or its start was not read)' : code(requestId, 60)}${took}`;
}

/** All lines as a text file: one invocation after the other, without credentials. */
export function* logFileLines(groups: readonly InvocationLog[]): Generator<string> {
  for (const group of groups) {
    yield `--- ${group.requestId ?? 'outside an invocation (or its start was not read)'} ${group.isError ? 'ERROR ' : ''}${new Date(group.at).toISOString()}${group.report ? ` ${Math.round(group.report.durationMs)} ms` : ''}`;
    for (const line of group.lines) yield `${new Date(line.at).toISOString()} ${withoutSecrets(line.message)}`;
  }
}

/** Whether a log is still followed, or why not. */
export type Following =
  | { readonly kind: 'following' }
  | { readonly kind: 'time' | 'shutdown' | 'error' }
  | { readonly kind: 'stopped'; readonly by?: string }
  /** The process that followed it is gone, and how many lines came is unknown. */
  | { readonly kind: 'lost' };

/** The first message of a thread that receives new log lines. */
export function followMessage(
  about: { readonly id: string; readonly forMs: number; readonly only: string | undefined },
  state: Following,
  lines: number,
): Message {
  const what = `the function’s log${about.only === undefined ? '' : ` (${about.only})`}`;
  if (state.kind === 'following')
    return compose({
      fact: `Following ${what} for ${duration(about.forMs)}: new lines are posted in this thread.`,
      lines: ['Lines appear some seconds after they were written. Stop with the button or with `/rescan logs stop`.'],
      buttons: [button(ACTION.stopFollowing, 'Stop following', about.id)],
    });
  if (state.kind === 'lost') return followLostMessage();
  return compose({
    fact: `${endText(state, about.forMs, what)} (${counted(lines, 'new line')}).`,
    lines: state.kind === 'shutdown' ? [FOLLOW_AGAIN] : [],
  });
}

/** What the first message of a thread becomes when the process that followed the log is gone. */
export const followLostMessage = (): Message =>
  compose({ fact: 'The bot stopped following the function’s log because it restarted.', lines: [FOLLOW_AGAIN] });

const FOLLOW_AGAIN = 'Start again with `/rescan logs follow`.';

function endText(state: Exclude<Following, { kind: 'following' | 'lost' }>, forMs: number, what: string): string {
  switch (state.kind) {
    case 'time':
      return `Stopped following ${what} after ${duration(forMs)}`;
    case 'shutdown':
      return `The bot shut down and stopped following ${what}`;
    case 'error':
      return `Stopped following ${what}: it cannot be read any more`;
    case 'stopped':
      return `${state.by === undefined ? 'Somebody' : mention(state.by)} stopped following ${what}`;
  }
}

/** As many new lines as fit, and how many were skipped before them. */
export function newLinesMessage(lines: readonly LogLine[], passedOver: number): { message: Message; shown: number } {
  const { text, shown } = codeBlock(lines);
  const note = `${counted(passedOver, 'line')} skipped, because more arrive than Slack accepts. \`/rescan logs\` shows them.`;
  return {
    shown,
    message: {
      text: passedOver > 0 ? `${note}\n${text}` : text,
      blocks: [
        ...(passedOver > 0 ? [{ type: 'context' as const, elements: [{ type: 'mrkdwn' as const, text: note }] }] : []),
        { type: 'section', text: { type: 'mrkdwn', text } },
      ],
    },
  };
}
