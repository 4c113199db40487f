import { type ComponentChildren, h } from 'preact';
import { useState } from 'preact/hooks';
import { type JsonRecord, textOf } from '../../../slack/rules/json.ts';
import { enteredIn } from '../elements/surface.ts';
import {
  FAILURE_KINDS,
  LATENCY,
  type Slider,
  SWITCHES,
  sharePercent,
  THROTTLES,
  TROUBLES,
  WORDS,
  withShare,
} from './dial-list.ts';

/** What to turn, made of the world as it is when it is turned. */
export type Change = (world: JsonRecord) => JsonRecord;
/** Answers when the world was looked at again, whether it took the change or not. */
type Turn = (change: Change) => Promise<void>;

/** Every dial of the local AWS: what goes wrong by one click first, then each for itself. */
export function Dials({ world, turn }: { world: JsonRecord; turn: Turn }): ComponentChildren {
  return h('div', { class: 'dials' }, [
    h(
      'div',
      { class: 'troubles' },
      TROUBLES.map((trouble) => {
        const isOn = trouble.isOn(world);
        return h('label', { class: isOn ? 'trouble-switch on' : 'trouble-switch', key: trouble.name }, [
          h(Toggle, { isOn, name: trouble.name, flip: (on) => turn(() => (on ? trouble.on : trouble.off)) }),
          h('span', {}, [trouble.name, h('span', { class: 'option-note' }, trouble.what)]),
        ]);
      }),
    ),
    h(Range, { slider: LATENCY, id: 'latency', world, turn }),
    h('details', { class: 'dial-group' }, [
      h('summary', {}, 'Failures by kind'),
      FAILURE_KINDS.map(([kind, what]) =>
        h(Range, {
          key: kind,
          id: `failure-${kind}`,
          world,
          turn,
          slider: {
            name: what,
            unit: '%',
            most: 100,
            step: 1,
            read: (now: JsonRecord) => sharePercent(now, kind),
            turn: (percent: number, now: JsonRecord) => withShare(now, kind, percent),
          },
        }),
      ),
    ]),
    h('details', { class: 'dial-group' }, [
      h('summary', {}, 'Throttling, delays, quotas'),
      THROTTLES.map((slider) => h(Range, { key: slider.name, id: `dial-${slug(slider.name)}`, slider, world, turn })),
    ]),
    h('details', { class: 'dial-group' }, [
      h('summary', {}, 'Permissions, the function, the rest'),
      SWITCHES.map((one) => {
        const isOn = one.isOn(world);
        return h('label', { class: 'choice', key: one.name }, [
          h(Toggle, { isOn, name: one.name, flip: (on) => turn((now) => one.turn(on, now)) }),
          h('span', {}, one.name),
        ]);
      }),
      WORDS.map(([name, dial, words]) =>
        h('label', { class: 'word-dial', key: dial }, [
          h('span', {}, name),
          h(
            'select',
            {
              value: textOf(world[dial]) ?? '',
              'data-dial': name,
              onChange(event: Event) {
                const word = enteredIn(event);
                void turn(() => ({ [dial]: word }));
              },
            },
            words.map((word) => h('option', { value: word, key: word }, word)),
          ),
        ]),
      ),
    ]),
    h(
      'button',
      { type: 'button', class: 'button small', 'data-reset': 'yes', onClick: () => void turn(() => ({ reset: true })) },
      'All dials as at the start',
    ),
  ]);
}

/** A switch that shows at once what was chosen, and what the world says of it when the world has answered. */
function Toggle({
  isOn,
  name,
  flip,
}: {
  isOn: boolean;
  name: string;
  flip: (on: boolean) => Promise<void>;
}): ComponentChildren {
  const [wished, setWished] = useState<boolean | undefined>();
  const shown = wished ?? isOn;
  return h('input', {
    type: 'checkbox',
    role: 'switch',
    class: 'switch',
    checked: shown,
    'data-dial': name,
    onChange() {
      setWished(!shown);
      void flip(!shown).then(() => setWished(undefined));
    },
  });
}

/** A slider that shows its number while it is drawn, and turns the dial when it is let go. */
function Range({
  slider,
  id,
  world,
  turn,
}: {
  slider: Slider;
  id: string;
  world: JsonRecord;
  turn: Turn;
}): ComponentChildren {
  const [drawn, setDrawn] = useState<number | undefined>();
  const value = drawn ?? slider.read(world);
  const words = value === 0 && slider.zero !== undefined ? slider.zero : `${value} ${slider.unit}`.trimEnd();
  return h('div', { class: 'range' }, [
    h('label', { for: id }, [h('span', {}, slider.name), h('output', {}, words)]),
    h('input', {
      id,
      type: 'range',
      min: 0,
      max: slider.most,
      step: slider.step,
      value,
      'aria-valuetext': words,
      onInput: (event: Event) => setDrawn(Number(enteredIn(event))),
      onChange(event: Event) {
        const entered = Number(enteredIn(event));
        setDrawn(entered);
        void turn((now) => slider.turn(entered, now)).then(() => setDrawn(undefined));
      },
    }),
  ]);
}

const slug = (name: string) => name.toLowerCase().replaceAll(/[^a-z]+/g, '-');
