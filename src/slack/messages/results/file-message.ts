import { type Message, say } from '../kit/message.ts';

/** To the person who asked for a CSV: where it is. `where`: mrkdwn. */
export const fileSharedMessage = (where: string): Message => say(`The CSV is in ${where}.`);
