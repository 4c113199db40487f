import { within } from '../../lib/async/within.ts';
import type { Clock } from '../../lib/clock.ts';
import { code, mention, sentence } from '../messages/kit/escape.ts';
import { type Message, mapTexts, withNote } from '../messages/kit/message.ts';
import { mentionsFor, type Notice, type NotifyPolicy } from './targets.ts';

/** The message about an event, with the mentions that the settings ask for. Never throws. */
export type Address = (message: Message, notice: Notice) => Promise<Message>;

/** An alert waits at most this long for the name of a person, ms. */
const NAME_TIMEOUT_MS = 1_000;

/**
 * A mention notifies, wherever in a message it is. So whoever is to be notified and is not named in the message is added, and a
 * starter who is not to be notified is named without a mention.
 */
export function createAddress(ports: {
  readonly policy: NotifyPolicy;
  /** The name of a person as Slack shows it. @throws what Slack's client throws */
  readonly nameOf: (person: string) => Promise<string | undefined>;
  readonly clock: Clock;
}): Address {
  const { policy, clock } = ports;

  async function shownName(person: string): Promise<string> {
    const name = await within(clock, NAME_TIMEOUT_MS, ports.nameOf(person)).catch(() => undefined);
    return name === undefined || name === '' ? code(person, 80) : `*${sentence(name, 80)}*`;
  }

  return async (message, notice) => {
    const wanted = mentionsFor(notice, policy, clock.now());
    const unwanted = notice.starters.filter(
      (starter) => !wanted.includes(mention(starter)) && message.text.includes(mention(starter)),
    );
    const names = await Promise.all(unwanted.map(async (one) => [mention(one), await shownName(one)] as const));
    const quieter = names.reduce((shown, [from, to]) => mapTexts(shown, (text) => text.replaceAll(from, to)), message);
    if (notice.isRepeat) return quieter;
    const missing = wanted.filter((one) => !quieter.text.includes(one));
    return missing.length === 0 ? quieter : withNote(quieter, missing.join(' '));
  };
}
