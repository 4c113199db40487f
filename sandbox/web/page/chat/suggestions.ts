import { type ComponentChildren, h } from 'preact';
import type { JsonRecord } from '../../../slack/rules/json.ts';
import { post } from '../api.ts';

const SUGGESTED: readonly (readonly [text: string, what: string])[] = [
  [
    '/rescan autopilot',
    'The whole checklist in order: backup, checks, flush, rescan, validation. It stops where a person is needed.',
  ],
  [
    '/rescan start keep limit=40',
    'Forty images over the table as it is. You see what would happen before anything does.',
  ],
  ['/rescan help', 'Everything it understands.'],
];

/** What a newcomer may try first. */
export function Suggestions({
  user,
  channel,
  onAnswer,
}: {
  user: string;
  channel: string;
  onAnswer: (answer: JsonRecord) => void;
}): ComponentChildren {
  return h('section', { class: 'suggestions', 'aria-label': 'Try it' }, [
    h('h2', {}, 'A whole pipeline stands ready. Try it:'),
    h(
      'div',
      { class: 'suggested' },
      SUGGESTED.map(([text, what]) =>
        h(
          'button',
          {
            type: 'button',
            key: text,
            onClick() {
              void post('/sandbox/command', { user, channel, text }).then(onAnswer);
              // The suggestions go with the first message.
              document.getElementById('composer')?.focus();
            },
          },
          [h('code', {}, text), h('span', {}, what)],
        ),
      ),
    ),
    h(
      'p',
      { class: 'quiet' },
      'The bot is the real one; Slack and AWS are local stand-ins. A flush needs a second person: become the approver at the left. The World at the right makes things go wrong.',
    ),
  ]);
}
