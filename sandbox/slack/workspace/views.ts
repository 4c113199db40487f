import { WebApiError } from '../errors.ts';
import type { ElementState, ElementValues } from '../rules/element-values.ts';
import { stateOf } from '../rules/element-values.ts';
import { type JsonRecord, recordsOf, textOf } from '../rules/json.ts';
import type { Directory } from './directory.ts';
import type { EventLog } from './event-log.ts';
import type { Ids } from './ids.ts';

/** A modal that somebody has open, or somebody's App Home. */
export interface View {
  readonly id: string;
  readonly userId: string;
  readonly kind: 'modal' | 'home';
  readonly rootId: string;
  readonly previousId?: string;
  /** The view of the app, with ids for all blocks. */
  readonly body: JsonRecord;
  readonly blocks: readonly JsonRecord[];
  readonly hash: string;
  /** What the person typed and chose so far. */
  readonly entered: ElementValues;
  /** Errors with which the app answered a submission, by block id. */
  readonly errors: Readonly<Record<string, string>>;
  /** A notice of Slack above the modal, for example about a failed connection. */
  readonly notice?: string;
}

export interface Views {
  /** Opens a modal for the user and closes the stack that was open before. */
  open(userId: string, body: JsonRecord): View;
  /** Pushes a view onto the user's stack. Throws `push_limit_reached` when three are open. */
  push(userId: string, body: JsonRecord): View;
  /** Replaces the body of a view. Throws `hash_conflict` when `hash` is not the current one. */
  update(view: View, body: JsonRecord, hash?: string): View;
  /** Publishes an App Home. Throws `hash_conflict` when `hash` is not that of the current one. */
  publish(userId: string, body: JsonRecord, hash?: string): View;
  /** Closes the view and those above it. Returns them, top first. */
  close(view: View): readonly View[];
  /** Closes all views of the user. Returns them, top first. */
  clear(userId: string): readonly View[];
  enter(view: View, blockId: string, actionId: string, state: ElementState): View;
  show(view: View, shown: { errors?: Readonly<Record<string, string>>; notice?: string }): View;
  find(idOrExternalId: string): View | undefined;
  /** The user's modals, bottom first. */
  stack(userId: string): readonly View[];
  home(userId: string): View | undefined;
  homes(): readonly View[];
}

/** Slack's documentation, "Modals": a view stack holds up to three views. */
const MOST_VIEWS = 3;

export function createViews(ids: Ids, log: Pick<EventLog, 'record'>): Views {
  const stacks = new Map<string, readonly View[]>();
  const homes = new Map<string, View>();
  const stack = (userId: string) => stacks.get(userId) ?? [];
  const newHash = () => `${ids.ts()}.${ids.next('h')}`;
  const blocksOf = (body: JsonRecord) =>
    recordsOf(body.blocks).map((block) => ({ ...block, block_id: textOf(block.block_id) ?? ids.next('b') }));

  function fresh(userId: string, body: JsonRecord, kind: View['kind'], previous?: View): View {
    const externalId = textOf(body.external_id);
    if (externalId && find(externalId)) throw new WebApiError('duplicate_external_id');
    const id = ids.next('V');
    return {
      id,
      userId,
      kind,
      rootId: previous?.rootId ?? id,
      ...(previous ? { previousId: previous.id } : {}),
      body,
      blocks: blocksOf(body),
      hash: newHash(),
      entered: {},
      errors: {},
    };
  }
  function find(id: string): View | undefined {
    const all = [...[...stacks.values()].flat(), ...homes.values()];
    return all.find((view) => view.id === id || view.body.external_id === id);
  }
  function replace(view: View): View {
    if (view.kind === 'home') homes.set(view.userId, view);
    else
      stacks.set(
        view.userId,
        stack(view.userId).map((other) => (other.id === view.id ? view : other)),
      );
    return view;
  }
  function remove(userId: string, from: number): readonly View[] {
    const views = stack(userId);
    const closed = views.slice(from).reverse();
    stacks.set(userId, views.slice(0, from));
    for (const view of closed) log.record('view_closed', { userId, viewId: view.id });
    return closed;
  }
  const checkHash = (view: View | undefined, hash: string | undefined) => {
    if (view && hash !== undefined && hash !== view.hash) throw new WebApiError('hash_conflict');
  };

  return {
    open(userId, body) {
      const view = fresh(userId, body, 'modal');
      remove(userId, 0);
      stacks.set(userId, [view]);
      log.record('view_opened', { userId, view });
      return view;
    },
    push(userId, body) {
      const views = stack(userId);
      if (views.length >= MOST_VIEWS) throw new WebApiError('push_limit_reached');
      const view = fresh(userId, body, 'modal', views.at(-1));
      stacks.set(userId, [...views, view]);
      log.record('view_pushed', { userId, view });
      return view;
    },
    update(view, body, hash) {
      checkHash(view, hash);
      const { notice: _, ...rest } = view;
      const updated = replace({ ...rest, body, blocks: blocksOf(body), hash: newHash(), errors: {} });
      log.record('view_updated', { userId: view.userId, view: updated });
      return updated;
    },
    publish(userId, body, hash) {
      const before = homes.get(userId);
      checkHash(before, hash);
      const view = before ? { ...before, body, blocks: blocksOf(body), hash: newHash() } : fresh(userId, body, 'home');
      homes.set(userId, view);
      log.record('home_published', { userId, view });
      return view;
    },
    close(view) {
      const at = stack(view.userId).findIndex((other) => other.id === view.id);
      return at < 0 ? [] : remove(view.userId, at);
    },
    clear: (userId) => remove(userId, 0),
    enter: (view, blockId, actionId, state) =>
      replace({
        ...view,
        entered: { ...view.entered, [blockId]: { ...view.entered[blockId], [actionId]: state } },
      }),
    show(view, { errors = {}, notice }) {
      const { notice: _, ...rest } = view;
      const shown = replace({ ...rest, errors, ...(notice === undefined ? {} : { notice }) });
      log.record('view_errors', { userId: view.userId, viewId: view.id, errors, ...(notice ? { notice } : {}) });
      return shown;
    },
    find,
    stack,
    home: (userId) => homes.get(userId),
    homes: () => [...homes.values()],
  };
}

/** The view in the format that the app receives, with the values of all its elements. */
export function toSlackView(view: View, directory: Pick<Directory, 'app' | 'bot' | 'team'>): JsonRecord {
  const { body } = view;
  return {
    id: view.id,
    team_id: directory.team.id,
    type: view.kind,
    blocks: view.blocks,
    private_metadata: body.private_metadata ?? '',
    callback_id: body.callback_id ?? '',
    external_id: body.external_id ?? '',
    state: { values: stateOf(view.blocks, view.entered) },
    hash: view.hash,
    title: body.title ?? { type: 'plain_text', text: 'View Title', emoji: true },
    close: body.close ?? null,
    submit: body.submit ?? null,
    clear_on_close: body.clear_on_close ?? false,
    notify_on_close: body.notify_on_close ?? false,
    submit_disabled: body.submit_disabled ?? false,
    root_view_id: view.rootId,
    previous_view_id: view.previousId ?? null,
    app_id: directory.app.id,
    app_installed_team_id: directory.team.id,
    bot_id: directory.bot.botId,
  };
}
