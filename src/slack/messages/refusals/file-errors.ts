import { FaultError } from '../../../pipeline/fault.ts';
import { ControlTableError } from '../../../state/control-table.ts';
import { FileUploadError } from '../../client/file-upload.ts';
import { classifySlackError } from '../../client/slack-errors.ts';
import { code } from '../kit/escape.ts';
import { type Message, say } from '../kit/message.ts';
import { faultLines } from '../run/describe-run.ts';

/** Slack's codes of which a person can do something. */
const FIXES: Readonly<Record<string, string>> = {
  missing_scope: 'The Slack app lacks the scope `files:write`: add it and install the app again.',
  not_in_channel: 'The bot is not in this channel: invite it.',
  channel_not_found: 'The bot is not in this channel: invite it.',
  file_uploads_disabled: 'This workspace does not allow files.',
  storage_limit_reached: 'This workspace has no room left for files.',
};

/**
 * Why a file could not be shown, and how to try again; nothing of it was shown. `what`: `the CSV of failed images`; `again`: what
 * to type. @throws what nobody foresaw.
 */
export function fileTroubleMessage(error: unknown, what: string, again?: string): Message {
  const next =
    again === undefined ? [] : [`\`${again}\` tries again. What it is made of is on record and was not touched.`];
  if (error instanceof FileUploadError)
    return say(`Slack did not take the file of ${what}: ${code(error.message, 200)} No part of it is shown.`, ...next);
  if (error instanceof FaultError || error instanceof ControlTableError)
    return say(`What ${what} is made of could not be read. No file is shown.`, ...faultLines(error.fault), ...next);
  const errno = errnoOf(error);
  if (errno === 'ENOSPC' || errno === 'EDQUOT')
    return say(`The disk of the bot is full, so ${what} could not be written. Nothing is shown.`, ...next);
  const trouble = classifySlackError(error);
  if (trouble.kind === 'refused')
    return say(
      `Slack refused the file of ${what}: ${code(trouble.code, 80)}. ${FIXES[trouble.code] ?? 'No part of it is shown.'}`,
      ...next,
    );
  if (trouble.kind === 'rate-limited' || isOfNetwork(error))
    return say(`Slack could not be reached for the file of ${what}. No part of it is shown.`, ...next);
  throw error;
}

const errnoOf = (error: unknown): string | undefined => {
  if (!(error instanceof Error)) return;
  const found = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return found ?? errnoOf(error.cause);
};

/** Broken connections, time-outs, names that cannot be found; Slack's client wraps them. */
const isOfNetwork = (error: unknown): boolean => {
  const errno = errnoOf(error);
  if (
    errno !== undefined &&
    /^(E(CONN|PIPE|AI_|NOTFOUND|TIMEDOUT|HOST|NET)|UND_ERR_|slack_webapi_(request|http)_error)/.test(errno)
  )
    return true;
  return error instanceof Error && error.name === 'TimeoutError';
};
