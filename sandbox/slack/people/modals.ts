import { PersonRefusedError, WebApiError } from '../errors.ts';
import {
  type ChoiceLookups,
  chosenState,
  clientRefusals,
  type ElementState,
  type ElementValues,
  holdsValue,
  type PlacedElement,
  placedElements,
  stateOf,
} from '../rules/element-values.ts';
import { isRecord, type JsonRecord, recordOf, textOf } from '../rules/json.ts';
import type { Parts } from '../rules/parts.ts';
import { acceptedView } from '../web-api/views.ts';
import type { User } from '../workspace/directory.ts';
import { viewClosedPayload, viewSubmissionPayload } from '../workspace/payloads.ts';
import type { View } from '../workspace/views.ts';
import type { Interactions } from './interactions.ts';
import { deliveryError, deliveryResult, personNamed, responseUrlOf } from './lookup.ts';

export interface Modals {
  /**
   * Presses the submit button of the modal. `result` is closed, cleared, updated, pushed, errors (from the app),
   * refused-by-client (Slack does not submit these values), not-acknowledged or invalid-response.
   */
  submit(sent: { user: string; viewId: string; values?: JsonRecord | undefined }): Promise<JsonRecord>;
  /** Closes a modal by its close button, or with `clear` the whole stack by the cross. */
  close(closed: { user: string; viewId: string; clear?: boolean | undefined }): Promise<JsonRecord>;
}

const CONNECTION_FAILED = 'The connection to the app failed. Try again.';

export function createModals(parts: Parts, interactions: Pick<Interactions, 'lookups'>): Modals {
  const { directory, views, socket, world } = parts;

  function topView(user: User, viewId: string): View {
    const stack = views.stack(user.id);
    const view = stack.find((one) => one.id === viewId || one.body.external_id === viewId);
    if (!view) throw new PersonRefusedError(404, 'no_such_view', `${user.name} has no modal ${viewId} open.`);
    if (stack.at(-1)?.id !== view.id)
      throw new PersonRefusedError(409, 'view_is_covered', `Another view covers ${view.id}.`);
    return view;
  }

  /** Carries out the app's response to a submission. Throws WebApiError for a view that Slack would refuse. */
  function followUp(view: View, response: JsonRecord): JsonRecord {
    switch (response.response_action) {
      case undefined:
        views.close(view);
        return { ok: true, result: 'closed' };
      case 'clear':
        views.clear(view.userId);
        return { ok: true, result: 'cleared' };
      case 'update': {
        const body = acceptedView(response.view, 'modal', world);
        return { ok: true, result: 'updated', view: views.update(view, body) };
      }
      case 'push': {
        const body = acceptedView(response.view, 'modal', world);
        return { ok: true, result: 'pushed', view: views.push(view.userId, body) };
      }
      case 'errors': {
        const errors = Object.fromEntries(
          Object.entries(recordOf(response.errors)).map(([id, text]) => [id, String(text)]),
        );
        const strange = Object.keys(errors).filter((id) => !isInputBlock(view, id));
        if (strange.length > 0 || Object.keys(errors).length === 0)
          throw new WebApiError('invalid_errors', { problems: strange.map((id) => `no input block "${id}"`) });
        return { ok: true, result: 'errors', errors, view: views.show(view, { errors }) };
      }
      default:
        throw new WebApiError('invalid_response_action', { problems: [String(response.response_action)] });
    }
  }

  return {
    async submit(sent) {
      const user = personNamed(directory, sent.user);
      let view = topView(user, sent.viewId);
      if (!view.body.submit && !view.blocks.some((block) => block.type === 'input'))
        throw new PersonRefusedError(409, 'no_submit_button', 'This modal has no submit button.');
      for (const { placed, raw } of matched(view, sent.values ?? {}))
        view = views.enter(
          view,
          placed.blockId,
          placed.actionId,
          stateFrom(placed, raw, interactions.lookups(user, view.id, placed.actionId)),
        );
      const values = stateOf(view.blocks, view.entered);
      const refusals = clientRefusals(view.blocks, values);
      if (Object.keys(refusals).length > 0) {
        view = views.show(view, { errors: refusals });
        return { ok: false, result: 'refused-by-client', errors: refusals, view };
      }
      const delivery = await socket.deliver(
        'interactive',
        viewSubmissionPayload(parts, {
          user,
          view,
          triggerId: parts.triggers.issue({ userId: user.id, viewId: view.id }),
          responseUrls: responseUrls(parts, user, view, values),
        }),
      );
      // The app may have updated or closed the view before its response.
      const now = views.find(view.id) ?? view;
      if (delivery.kind !== 'acknowledged') {
        views.show(now, { notice: CONNECTION_FAILED });
        return { ok: false, result: 'not-acknowledged', error: deliveryError(delivery), ...deliveryResult(delivery) };
      }
      try {
        return { ...followUp(now, delivery.response), ...deliveryResult(delivery) };
      } catch (error) {
        if (!(error instanceof WebApiError)) throw error;
        views.show(now, { notice: CONNECTION_FAILED });
        return {
          ok: false,
          result: 'invalid-response',
          error: error.code,
          ...error.details,
          ...deliveryResult(delivery),
        };
      }
    },
    async close(closed) {
      const user = personNamed(directory, closed.user);
      const view = topView(user, closed.viewId);
      const gone = closed.clear ? views.clear(user.id) : views.close(view);
      const deliveries = [];
      for (const one of gone)
        if (one.body.notify_on_close === true)
          deliveries.push(
            await socket.deliver(
              'interactive',
              viewClosedPayload(parts, { user, view: one, isCleared: closed.clear ?? false }),
            ),
          );
      return { ok: true, closed: gone.map((one) => one.id), notified: deliveries.map(deliveryResult) };
    },
  };
}

const isInputBlock = (view: View, blockId: string) =>
  view.blocks.some((block) => block.type === 'input' && block.block_id === blockId);

/**
 * Finds the elements for `{block_id: {action_id: value}}` or `{action_id: value}`. Throws for a key without an element.
 */
function matched(view: View, values: JsonRecord): readonly { placed: PlacedElement; raw: unknown }[] {
  const inputs = placedElements(view.blocks).filter((placed) => holdsValue(placed.element));
  const noSuch = (name: string) =>
    new PersonRefusedError(404, 'no_such_element', `The modal has no input "${name}".`, {
      inputs: inputs.map((placed) => ({ blockId: placed.blockId, actionId: placed.actionId })),
    });
  return Object.entries(values).flatMap(([name, value]) => {
    const inBlock = inputs.filter((placed) => placed.blockId === name);
    if (inBlock.length > 0 && isRecord(value))
      return Object.entries(value).map(([actionId, raw]) => {
        const placed = inBlock.find((one) => one.actionId === actionId);
        if (!placed) throw noSuch(`${name}.${actionId}`);
        return { placed, raw };
      });
    const [placed, ...others] = inputs.filter((one) => one.actionId === name);
    if (!placed) throw noSuch(name);
    if (others.length > 0)
      throw new PersonRefusedError(
        400,
        'ambiguous_element',
        `Several inputs have the action_id "${name}". Give the block_id too.`,
      );
    return [{ placed, raw: value }];
  });
}

/** The state for an element. The value may be a choice as people make it, or an entry of `state.values`. */
const stateFrom = (placed: PlacedElement, raw: unknown, lookups: ChoiceLookups): ElementState =>
  isRecord(raw) && raw.type === placed.element.type ? raw : chosenState(placed, raw, lookups);

/** A response_url for each conversation that was chosen in a select with `response_url_enabled`. */
function responseUrls(parts: Parts, user: User, view: View, values: ElementValues): readonly JsonRecord[] {
  return placedElements(view.blocks).flatMap(({ element, blockId, actionId }) => {
    const state = values[blockId]?.[actionId];
    const channelId = textOf(state?.selected_conversation) ?? textOf(state?.selected_channel);
    if (element.response_url_enabled !== true || channelId === undefined) return [];
    const token = parts.responseUrls.issue({ userId: user.id, channelId });
    return [
      { block_id: blockId, action_id: actionId, channel_id: channelId, response_url: responseUrlOf(parts, token) },
    ];
  });
}
