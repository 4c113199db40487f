import { type ComponentChildren, h } from 'preact';
import type { JsonRecord } from '../../../slack/rules/json.ts';
import { post } from '../api.ts';

const SUGGESTED: readonly (readonly [text: string, what: string])[] = [
  [
    '/rescan autopilot',
    'The whole checklist in order: backup, checks, flush, rescan, validation. It waits where it needs a person.',
  ],
  [
    '/rescan start keep limit=40',
    'Forty images; the table keeps its records. The bot shows the plan first and waits for Start.',
  ],
  ['/rescan help', 'All commands.'],
];

/** Commands for a first try. */
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
    h('h2', {}, 'A complete local pipeline is ready. Try:'),
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
              // The suggestions disappear with the first message.
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
      'The bot is the real one; Slack and AWS are local simulations. A flush needs a second person: switch to the approver on the left. The World pane on the right simulates faults.',
    ),
  ]);
}
