import { type ComponentChildren, h } from 'preact';
import { useState } from 'preact/hooks';
import { recordOf, textOf } from '../../../slack/rules/json.ts';
import { post } from '../api.ts';
import { ConfirmDialog } from '../modals/confirm-dialog.ts';
import type { ElementProps } from './surface.ts';

export interface Acts {
  /** Acts on the element at once, or after its confirm dialog said yes. */
  readonly act: (value?: unknown) => void;
  readonly busy: boolean;
  /** The confirm dialog while it asks. */
  readonly dialog: ComponentChildren;
}

export function useAct({ element, block, surface }: ElementProps): Acts {
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
    act(value) {
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

export interface Value extends Acts {
  readonly value: unknown;
  readonly change: (value: unknown) => void;
}

/**
 * What an element holds, `initial` until somebody chose. In an input block the form keeps it until it is sent, and the app hears of it
 * before only where the block says so; elsewhere the app hears at once.
 */
export function useValue(props: ElementProps, initial: unknown): Value {
  const acts = useAct(props);
  const [chosen, setChosen] = useState<unknown>();
  const { element, block, surface } = props;
  const actionId = textOf(element.action_id) ?? '';
  const blockId = textOf(block.block_id) ?? '';
  const isInput = block.type === 'input';
  return {
    ...acts,
    value: (isInput ? surface.held?.(blockId, actionId) : chosen) ?? initial,
    change(value) {
      if (isInput) surface.hold?.(blockId, actionId, value);
      else setChosen(value);
      if (!isInput || block.dispatch_action === true) acts.act(value);
    },
  };
}
