import { type ComponentChildren, h } from 'preact';
import { type JsonRecord, recordOf, textOf } from '../../../slack/rules/json.ts';
import { withEmoji } from './emoji.ts';
import { mrkdwn, type Names } from './mrkdwn.ts';

/** Renders a text object according to its type. */
export const textNode = (value: unknown, names: Names): ComponentChildren => {
  const object = recordOf(value);
  const text = textOf(object.text) ?? '';
  return object.type === 'mrkdwn' ? mrkdwn(text, names) : withEmoji(text);
};

/** The plain text of a text object. */
export const plainText = (value: unknown): string => textOf(recordOf(value).text) ?? '';

/** An unknown object as JSON. */
export const unknownNode = (what: JsonRecord): ComponentChildren =>
  h('pre', { class: 'unknown', tabIndex: 0 }, JSON.stringify(what, null, 2));
