import { PersonRefusedError } from '../errors.ts';
import { describeProblem } from '../rules/block-check.ts';
import { CATALOGUES } from '../rules/block-rules.ts';
import { SUGGESTED_OPTIONS } from '../rules/element-rules.ts';
import {
  actionTaken,
  type ChoiceLookups,
  chosenState,
  type ElementValues,
  holdsValue,
  type PlacedElement,
  placedElements,
  stateOf,
} from '../rules/element-values.ts';
import { type JsonRecord, recordsOf } from '../rules/json.ts';
import type { Parts } from '../rules/parts.ts';
import { check } from '../rules/rule.ts';
import type { Channel, User } from '../workspace/directory.ts';
import { toSlackFile } from '../workspace/files.ts';
import type { Message } from '../workspace/messages.ts';
import { blockActionsPayload, type Surface, suggestionPayload } from '../workspace/payloads.ts';
import { deliveryError, deliveryResult, personNamed, responseUrlOf, showEphemeral, visibleChannel } from './lookup.ts';

/** The message (`ts`) or view (`viewId`), and the element in it, on which a person acts. */
export interface Place {
  readonly user: string;
  readonly channel?: string | undefined;
  readonly ts?: string | undefined;
  readonly viewId?: string | undefined;
  readonly blockId?: string | undefined;
  readonly actionId: string;
  /** The blocks that the person's client still shows, where the app has changed the message since. */
  readonly shown?: readonly JsonRecord[] | undefined;
}

/**
 * Actions of people on messages and views. Keeps what neither of them contains: suggested options, and choices made in
 * messages.
 */
export interface Interactions {
  /** Acts on an element. Returns after the acknowledgement or the time limit. */
  act(done: Place & { readonly value?: unknown }): Promise<JsonRecord>;
  /** Types into an external select. Returns the options that the app suggests. */
  suggest(typed: Place & { readonly value: string }): Promise<JsonRecord>;
  lookups(user: User, surfaceId: string, actionId: string): ChoiceLookups;
}

const CONNECTION_FAILED = 'The connection to the app failed. Try again.';

export function createInteractions(parts: Parts): Interactions {
  const { directory, files, messages, views } = parts;
  const offered = new Map<string, readonly JsonRecord[]>();
  const chosen = new Map<string, ElementValues>();

  const lookups: Interactions['lookups'] = (user, surfaceId, actionId) => ({
    userId: (name) => directory.user(name)?.id,
    channelId: (name) => directory.channel(name)?.id,
    file: (id) => {
      const file = files.find(id);
      if (!file) return undefined;
      // A file in the state of a view does not say where it was shared.
      const { shares: _, ...shown } = toSlackFile(file, parts.url());
      return shown;
    },
    suggested: (value) => offered.get(key(user, surfaceId, actionId))?.find((option) => option.value === value),
  });

  function surfaceAt(user: User, place: Place): Surface {
    if (place.viewId !== undefined) {
      const view = views.find(place.viewId);
      if (!view || view.userId !== user.id)
        throw new PersonRefusedError(404, 'no_such_view', `${user.name} has no view ${place.viewId} open.`);
      if (view.kind === 'modal' && views.stack(user.id).at(-1)?.id !== view.id)
        throw new PersonRefusedError(409, 'view_is_covered', `Another view covers ${view.id}.`);
      return { kind: 'view', view };
    }
    if (place.ts === undefined) throw new PersonRefusedError(400, 'no_place', 'Give `ts` or `viewId`.');
    const ts = place.ts;
    const channels: readonly Channel[] =
      place.channel === undefined
        ? directory.channels().filter((channel) => directory.canSee(user, channel))
        : [visibleChannel(directory, user, place.channel)];
    for (const channel of channels) {
      const message = messages.find(channel.id, ts);
      if (message && (message.onlyFor === undefined || message.onlyFor === user.id))
        return { kind: 'message', message, channel };
    }
    throw new PersonRefusedError(404, 'no_such_message', `${user.name} cannot see a message ${ts}.`);
  }

  function elementAt(surface: Surface, place: Place): PlacedElement {
    const current = surface.kind === 'view' ? surface.view.blocks : surface.message.blocks;
    const placed = placedElements(place.shown ?? current);
    const found = placed.find(
      (one) => one.actionId === place.actionId && (place.blockId === undefined || one.blockId === place.blockId),
    );
    if (found) return found;
    throw new PersonRefusedError(404, 'no_such_element', `The message or view has no element "${place.actionId}".`, {
      actionIds: placed.map((one) => one.actionId),
    });
  }

  /** Stores the choice and returns the values of all elements of the message or view. */
  function keep(
    user: User,
    surface: Surface,
    placed: PlacedElement,
    value: unknown,
  ): { surface: Surface; values: ElementValues } {
    const id = idOf(surface);
    const state = holdsValue(placed.element)
      ? chosenState(placed, value, lookups(user, id, placed.actionId))
      : undefined;
    if (surface.kind === 'view') {
      const view = state ? views.enter(surface.view, placed.blockId, placed.actionId, state) : surface.view;
      return { surface: { kind: 'view', view }, values: stateOf(view.blocks, view.entered) };
    }
    const own = `${user.id}|${id}`;
    const before = chosen.get(own) ?? {};
    const after = state
      ? { ...before, [placed.blockId]: { ...before[placed.blockId], [placed.actionId]: state } }
      : before;
    chosen.set(own, after);
    return { surface, values: stateOf(surface.message.blocks, after) };
  }

  return {
    lookups,
    async act(done) {
      if (!parts.manifest.interactive)
        throw new PersonRefusedError(409, 'not_interactive', 'The manifest does not enable interactivity.');
      const user = personNamed(directory, done.user);
      const found = surfaceAt(user, done);
      const placed = elementAt(found, done);
      const visibleTo = placed.element.visible_to_user_ids;
      if (Array.isArray(visibleTo) && !visibleTo.includes(user.id))
        throw new PersonRefusedError(404, 'no_such_element', `${user.name} cannot see "${placed.actionId}".`);
      const action = actionTaken(placed, done.value, parts.ids.ts(), lookups(user, idOf(found), placed.actionId));
      const { surface, values } = keep(user, found, placed, done.value);
      // Slack sends an action of an input block only with `dispatch_action`. Otherwise it keeps the value until the
      // submission.
      if (placed.block.type === 'input' && placed.block.dispatch_action !== true)
        return { ok: true, dispatched: false, acknowledgedInMs: null };
      const responseUrl =
        surface.kind === 'message'
          ? responseUrlOf(parts, parts.responseUrls.issue(targetOf(user, surface)))
          : undefined;
      const delivery = await parts.socket.deliver(
        'interactive',
        blockActionsPayload(parts, {
          user,
          surface,
          actions: [action],
          values,
          triggerId: parts.triggers.issue({
            userId: user.id,
            ...(surface.kind === 'view' ? { viewId: surface.view.id } : {}),
          }),
          ...(responseUrl === undefined ? {} : { responseUrl }),
        }),
      );
      if (delivery.kind === 'acknowledged') return { ok: true, dispatched: true, ...deliveryResult(delivery) };
      if (surface.kind === 'view')
        views.show(views.find(surface.view.id) ?? surface.view, { notice: CONNECTION_FAILED });
      else
        showEphemeral(
          parts,
          user,
          surface.channel,
          `This app did not respond (${deliveryError(delivery)}).`,
          surface.message.threadTs,
        );
      return { ok: false, dispatched: true, error: deliveryError(delivery), ...deliveryResult(delivery) };
    },
    async suggest(typed) {
      const user = personNamed(directory, typed.user);
      const surface = surfaceAt(user, typed);
      const placed = elementAt(surface, typed);
      if (!String(placed.element.type).endsWith('external_select'))
        throw new PersonRefusedError(
          400,
          'not_an_external_select',
          `"${placed.actionId}" does not load options from the app.`,
        );
      // Slack's client asks the app after three characters, unless the element sets another number.
      const least = Number(placed.element.min_query_length ?? 3);
      if (typed.value.length < least)
        throw new PersonRefusedError(409, 'query_too_short', `Slack asks the app after at least ${least} characters.`);
      const delivery = await parts.socket.deliver(
        'interactive',
        suggestionPayload(parts, { user, surface, placed, value: typed.value }),
      );
      if (delivery.kind !== 'acknowledged')
        return { ok: false, error: deliveryError(delivery), options: [], ...deliveryResult(delivery) };
      const problems = check(delivery.response, SUGGESTED_OPTIONS, '', CATALOGUES).map(describeProblem);
      if (problems.length > 0)
        return { ok: false, error: 'invalid_options', problems, options: [], ...deliveryResult(delivery) };
      const groups = recordsOf(delivery.response.option_groups);
      const options = [...recordsOf(delivery.response.options), ...groups.flatMap((group) => recordsOf(group.options))];
      offered.set(key(user, idOf(surface), placed.actionId), options);
      return { ok: true, ...deliveryResult(delivery), options, ...(groups.length > 0 ? { optionGroups: groups } : {}) };
    },
  };
}

const key = (user: User, surfaceId: string, actionId: string) => `${user.id}|${surfaceId}|${actionId}`;
const idOf = (surface: Surface) => (surface.kind === 'view' ? surface.view.id : surface.message.ts);

function targetOf(user: User, surface: { message: Message; channel: Channel }) {
  return {
    userId: user.id,
    channelId: surface.channel.id,
    messageTs: surface.message.ts,
    ...(surface.message.threadTs === undefined ? {} : { threadTs: surface.message.threadTs }),
  };
}
