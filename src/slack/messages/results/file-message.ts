import { link } from '../kit/escape.ts';
import { type Message, say } from '../kit/message.ts';

/** To the person who asked for a CSV: it is not in the channel, but in the run's thread. */
export const fileInThreadMessage = (url: string | undefined): Message =>
  say(`The CSV is in ${url === undefined ? 'the run’s thread' : link(url, 'the run’s thread')}.`);
