import { type ComponentChildren, h } from 'preact';
import { useState } from 'preact/hooks';
import { recordOf, textOf } from '../../../slack/rules/json.ts';
import { post } from '../api.ts';
import { ConfirmDialog } from '../modals/confirm-dialog.ts';
import type { ElementProps } from './surface.ts';

export interface ElementAction {
  /** Sends the action at once, or after the person confirmed it. */
  readonly trigger: (value?: unknown) => void;
  readonly busy: boolean;
  /** The open confirm dialog, if any. */
  readonly dialog: ComponentChildren;
}

export function useAction({ element, block, surface }: ElementProps): ElementAction {
  const [busy, setBusy] = useState(false);
  const [asked, setAsked] = useState<{ readonly value: unknown } | undefined>();
  const send = async (value: unknown) => {
    setBusy(true);
    const answer = await post('/sandbox/action', {
      ...surface.place,
      user: surface.user,
      actionId: textOf(element.action_id) ?? '',
      blockId: textOf(block.block_id) ?? '',
      ...(value === undefined ? {} : { value }),
    });
    setBusy(false);
    surface.onAnswer(answer);
  };
  return {
    busy,
    trigger(value) {
      if (busy) return;
      if (element.confirm === undefined) void send(value);
      else setAsked({ value });
    },
    dialog: asked
      ? h(ConfirmDialog, {
          confirm: recordOf(element.confirm),
          onAnswer(yes: boolean) {
            setAsked(undefined);
            if (yes) void send(asked.value);
          },
        })
      : null,
  };
}

export interface Value extends ElementAction {
  readonly value: unknown;
  readonly change: (value: unknown) => void;
}

/**
 * The value of an element, and `initial` before any choice. In an input block the form keeps the value until it is
 * submitted, and the app receives an action only with `dispatch_action`. Everywhere else the app receives an action at
 * once.
 */
export function useValue(props: ElementProps, initial: unknown): Value {
  const action = useAction(props);
  const [chosen, setChosen] = useState<unknown>();
  const { element, block, surface } = props;
  const actionId = textOf(element.action_id) ?? '';
  const blockId = textOf(block.block_id) ?? '';
  const isInput = block.type === 'input';
  return {
    ...action,
    value: (isInput ? surface.held?.(blockId, actionId) : chosen) ?? initial,
    change(value) {
      if (isInput) surface.hold?.(blockId, actionId, value);
      else setChosen(value);
      if (!isInput || block.dispatch_action === true) action.trigger(value);
    },
  };
}
