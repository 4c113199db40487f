import { type ComponentChildren, h } from 'preact';
import { useState } from 'preact/hooks';
import { type JsonRecord, textOf } from '../../../slack/rules/json.ts';
import { enteredIn } from '../elements/surface.ts';
import {
  CHOICES,
  FAILURE_KINDS,
  FAULTS,
  LATENCY,
  type Slider,
  SWITCHES,
  sharePercent,
  THROTTLES,
  withShare,
} from './dial-list.ts';

/** Computes the change from the current settings at the time of the request. */
export type Change = (world: JsonRecord) => JsonRecord;
/** Resolves after the settings were read again, whether the change was accepted or not. */
type Turn = (change: Change) => Promise<void>;

/** All settings of the local AWS: faults with one click first, then each setting. */
export function Dials({ world, turn }: { world: JsonRecord; turn: Turn }): ComponentChildren {
  return h('div', { class: 'dials' }, [
    h(
      'div',
      { class: 'faults' },
      FAULTS.map((fault) => {
        const isOn = fault.isOn(world);
        return h('label', { class: isOn ? 'fault-switch on' : 'fault-switch', key: fault.name }, [
          h(Toggle, { isOn, name: fault.name, flip: (on) => turn(() => (on ? fault.on : fault.off)) }),
          h('span', {}, [fault.name, h('span', { class: 'option-note' }, fault.what)]),
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
      h('summary', {}, 'Permissions, function, other'),
      SWITCHES.map((one) => {
        const isOn = one.isOn(world);
        return h('label', { class: 'choice', key: one.name }, [
          h(Toggle, { isOn, name: one.name, flip: (on) => turn((now) => one.turn(on, now)) }),
          h('span', {}, one.name),
        ]);
      }),
      CHOICES.map(([name, dial, choices]) =>
        h('label', { class: 'choice-dial', key: dial }, [
          h('span', {}, name),
          h(
            'select',
            {
              value: textOf(world[dial]) ?? '',
              'data-dial': name,
              onChange(event: Event) {
                const choice = enteredIn(event);
                void turn(() => ({ [dial]: choice }));
              },
            },
            choices.map((choice) => h('option', { value: choice, key: choice }, choice)),
          ),
        ]),
      ),
    ]),
    h(
      'button',
      { type: 'button', class: 'button small', 'data-reset': 'yes', onClick: () => void turn(() => ({ reset: true })) },
      'Reset all settings',
    ),
  ]);
}

/** A switch that shows the choice at once, and the actual setting after the answer. */
function Toggle({
  isOn,
  name,
  flip,
}: {
  isOn: boolean;
  name: string;
  flip: (on: boolean) => Promise<void>;
}): ComponentChildren {
  const [pending, setPending] = useState<boolean | undefined>();
  const shown = pending ?? isOn;
  return h('input', {
    type: 'checkbox',
    role: 'switch',
    class: 'switch',
    checked: shown,
    'data-dial': name,
    onChange() {
      setPending(!shown);
      void flip(!shown).then(() => setPending(undefined));
    },
  });
}

/** A slider that shows its value while it moves, and changes the setting when it is released. */
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
  const text = value === 0 && slider.zero !== undefined ? slider.zero : `${value} ${slider.unit}`.trimEnd();
  return h('div', { class: 'range' }, [
    h('label', { for: id }, [h('span', {}, slider.name), h('output', {}, text)]),
    h('input', {
      id,
      type: 'range',
      min: 0,
      max: slider.most,
      step: slider.step,
      value,
      'aria-valuetext': text,
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
