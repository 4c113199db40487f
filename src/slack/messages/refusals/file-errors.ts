import { FaultError } from '../../../pipeline/fault.ts';
import { ControlTableError } from '../../../state/table/control-table.ts';
import { FileUploadError } from '../../client/file-upload.ts';
import { classifySlackError } from '../../client/slack-errors.ts';
import { code } from '../kit/escape.ts';
import { type Message, say } from '../kit/message.ts';
import { describeFault, faultLines } from '../run/describe-run.ts';

/** What to do about error codes of Slack's that a person can fix. */
const FIXES: Readonly<Record<string, string>> = {
  missing_scope: 'The Slack app lacks the scope `files:write`: add it and install the app again.',
  not_in_channel: 'The bot is not in this channel: invite it.',
  channel_not_found: 'The bot is not in this channel: invite it.',
  file_uploads_disabled: 'This workspace does not allow files.',
  storage_limit_reached: 'This workspace has no storage left for files.',
};

/**
 * Why a file was not uploaded, and how to try again. `what`: what the file would hold, such as `the failed images`; `again`: the
 * command that tries again. @throws an unexpected error again.
 */
export function fileErrorMessage(error: unknown, what: string, again?: string): Message {
  const next = again === undefined ? [] : [`Try again with \`${again}\`.`];
  const notUploaded = `The file with ${what} was not uploaded`;
  if (error instanceof FileUploadError)
    return say(`${notUploaded}: Slack did not accept it. ${code(error.message, 200)}`, ...next);
  if (error instanceof FaultError || error instanceof ControlTableError)
    return say(`${notUploaded}: ${describeFault(error.fault)}.`, ...faultLines(error.fault), ...next);
  const errno = errnoOf(error);
  if (errno === 'ENOSPC' || errno === 'EDQUOT')
    return say(`${notUploaded}: the disk of the machine where the bot runs is full.`, ...next);
  const slackError = classifySlackError(error);
  if (slackError.kind === 'refused') {
    const fix = FIXES[slackError.code];
    return say(
      `${notUploaded}: Slack refused it (${code(slackError.code, 80)}).${fix === undefined ? '' : ` ${fix}`}`,
      ...next,
    );
  }
  if (slackError.kind === 'rate-limited' || isNetworkError(error))
    return say(`${notUploaded}: Slack could not be reached.`, ...next);
  throw error;
}

const errnoOf = (error: unknown): string | undefined => {
  if (!(error instanceof Error)) return;
  const found = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return found ?? errnoOf(error.cause);
};

/** A broken connection, a time-out or a name that cannot be resolved, also where Slack's client wraps it. */
const isNetworkError = (error: unknown): boolean => {
  const errno = errnoOf(error);
  if (
    errno !== undefined &&
    /^(E(CONN|PIPE|AI_|NOTFOUND|TIMEDOUT|HOST|NET)|UND_ERR_|slack_webapi_(request|http)_error)/.test(errno)
  )
    return true;
  return error instanceof Error && error.name === 'TimeoutError';
};
