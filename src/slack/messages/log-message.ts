import type { InvocationLog } from '../../pipeline/log-report.ts';
import type { LogLine } from '../../pipeline/logs.ts';
import { ACTION, button } from './buttons.ts';
import { code, escapeMrkdwn, shorten } from './escape.ts';
import { count, counted, duration, shortDuration } from './format.ts';
import { compose, type Message } from './message.ts';

/** Characters of one block of lines, well within a section with its markup. */
const MOST_BLOCK = 2_400;
const MOST_LINE = 400;
const MOST_GROUPS = 6;

const clock = (at: number) => new Date(at).toISOString().slice(11, 19);

/** One line as plain text: its time, what it says; control characters are gone. */
export const lineText = ({ at, message }: LogLine): string =>
  `${clock(at)} ${shorten(message.replace(/\p{Cc}+/gu, ' ').trimEnd(), MOST_LINE)}`;

/** Lines as one block of code; how many of them it holds. */
export function codeBlock(lines: readonly LogLine[]): { readonly text: string; readonly shown: number } {
  const taken: string[] = [];
  let length = 0;
  for (const line of lines) {
    // A fence in a line would end the block.
    const text = escapeMrkdwn(lineText(line).replaceAll('`', "'"));
    if (length + text.length + 1 > MOST_BLOCK) break;
    taken.push(text);
    length += text.length + 1;
  }
  return { text: `\`\`\`\n${taken.join('\n')}\n\`\`\``, shown: taken.length };
}

export interface LogsAsked {
  readonly errorsOnly: boolean;
  readonly fromMs: number;
  readonly pattern?: string;
  readonly image?: string;
}

/** What was asked for, in words: `the last 15 min, errors only`. */
export const askedWords = ({ errorsOnly, fromMs, pattern, image }: LogsAsked): string =>
  [
    `the last ${duration(fromMs)}`,
    ...(errorsOnly ? ['errors only'] : []),
    ...(pattern === undefined ? [] : [`pattern ${code(pattern, 120)}`]),
    ...(image === undefined ? [] : [`image ${code(image, 150)}`]),
  ].join(', ');

/** The log by invocation, errors first; how much of it is shown. */
export function logsMessage(
  groups: readonly InvocationLog[],
  asked: LogsAsked,
  about: { readonly lines: number; readonly isCut: boolean },
): { readonly message: Message; readonly isWhole: boolean } {
  const errors = groups.filter(({ isError }) => isError).length;
  const shown = groups.filter(({ lines }) => lines.length > 0).slice(0, MOST_GROUPS);
  const blocks = shown.map((group) => ({ group, ...codeBlock(group.lines) }));
  const shownLines = blocks.reduce((sum, block) => sum + block.shown, 0);
  const allLines = groups.reduce((sum, { lines }) => sum + lines.length, 0);
  const isWhole = !about.isCut && shownLines === allLines;
  return {
    isWhole,
    message: compose({
      fact:
        groups.length === 0
          ? `The function’s log has nothing of ${askedWords(asked)}.`
          : `${counted(groups.length, 'invocation')} in the function’s log, ${errors === 0 ? 'none' : count(errors)} with errors (${askedWords(asked)}).`,
      lines: groups.length === 0 ? ['CloudWatch shows lines some seconds after they were written.'] : [],
      figures: blocks.map(({ group, text }) => ({
        block: { type: 'section', text: { type: 'mrkdwn', text: `${headOf(group)}\n${text}` } },
        plain: [`${headOf(group)}\n${text}`],
      })),
      notes: [
        ...(isWhole
          ? []
          : [
              `${count(shownLines)} of ${about.isCut ? 'more than ' : ''}${counted(allLines, 'line')} are shown; the rest is in the file.`,
            ]),
      ],
    }),
  };
}

function headOf({ requestId, isError, report, at }: InvocationLog): string {
  const sign = isError ? ':x:' : ':white_check_mark:';
  const took = report
    ? ` · ${shortDuration(report.durationMs)}${report.maxMemoryMb === undefined ? '' : ` · ${count(report.maxMemoryMb)} MB`}`
    : '';
  return `${sign} *${clock(at)}* ${requestId === undefined ? 'outside of an invocation' : code(requestId, 60)}${took}`;
}

/** The whole of it as a file: one invocation after the other. */
export function* logFileLines(groups: readonly InvocationLog[]): Generator<string> {
  for (const group of groups) {
    yield `--- ${group.requestId ?? 'outside of an invocation'} ${group.isError ? 'ERROR ' : ''}${new Date(group.at).toISOString()}${group.report ? ` ${Math.round(group.report.durationMs)} ms` : ''}`;
    for (const line of group.lines) yield `${new Date(line.at).toISOString()} ${line.message}`;
  }
}

/** The head of a thread into which new lines come. */
export const followMessage = (id: string, until: number, state: 'following' | 'over', lines: number): Message =>
  compose({
    fact:
      state === 'following'
        ? `Following the function’s log for ${duration(until)}: new lines come into this thread.`
        : `The log was followed; ${counted(lines, 'line')} came.`,
    ...(state === 'following' ? { buttons: [button(ACTION.stopFollowing, 'Stop following', id)] } : {}),
  });

/** Some new lines, as many as fit. */
export function newLinesMessage(lines: readonly LogLine[]): Message {
  const { text, shown } = codeBlock(lines);
  const left = lines.length - shown;
  return {
    text: `${text}${left > 0 ? `\n… ${counted(left, 'more line')}; \`/rescan logs\` has them.` : ''}`,
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text } },
      ...(left > 0
        ? [
            {
              type: 'context' as const,
              elements: [
                { type: 'mrkdwn' as const, text: `… ${counted(left, 'more line')}; \`/rescan logs\` has them.` },
              ],
            },
          ]
        : []),
    ],
  };
}
