import type { ModalView } from '@slack/types';
import { describe, expect, it } from 'vitest';
import type { LocalSlack } from '../../../sandbox/slack/server.ts';
import { type Claim, complaintsAbout } from '../../support/compiler.ts';
import { button, clientOf, person, plain, section, slackForTest, stateOf } from './harness.ts';
import { type IndependentApp, independentApp } from './independent.ts';

/**
 * The compiler checks the payloads and answers of the local Slack against the types that Slack publishes. A missing
 * required field, a wrong type and an unknown field are each an error.
 */

type Json = Readonly<Record<string, unknown>>;
const C = 'C0TIMESHEET';
const bolt = (...names: string[]) => Object.fromEntries(names.map((name) => [name, '@slack/bolt']));

/**
 * Fields that Slack's pages show and its types do not have, each with its source. They are removed before the check, so
 * that no other unknown field can pass.
 */
const BEYOND_TYPES = [
  // docs.slack.dev/reference/interaction-payloads: null for an app of one workspace; the types know only an object.
  'enterprise',
  // docs.slack.dev/reference/interaction-payloads/view-interactions-payload: the same user object as in block_actions.
  'user.username',
  // docs.slack.dev/reference/interaction-payloads/view-interactions-payload: whether the submit button is off.
  'view.submit_disabled',
  // Added by the client, from the headers of an answer.
  'response_metadata.scopes',
  'response_metadata.acceptedScopes',
];
/** The same in a view itself. */
const SUBMIT_DISABLED = ['submit_disabled'];

function without(value: Json, path: string): Json {
  const [first = '', ...rest] = path.split('.');
  if (!(first in value)) return value;
  if (rest.length === 0) return Object.fromEntries(Object.entries(value).filter(([name]) => name !== first));
  return { ...value, [first]: without(Object(value[first]), rest.join('.')) };
}

const claim = (
  name: string,
  type: string,
  imports: Claim['imports'],
  value: unknown,
  beyond = BEYOND_TYPES,
): Claim => ({
  name,
  type,
  imports,
  value: Array.isArray(value) ? value : beyond.reduce(without, Object(value)),
});

const options = ['a', 'b'].map((value) => ({ text: plain(value), value }));
const input = (element: Extract<ModalView['blocks'][number], { type: 'input' }>['element']) => ({
  type: 'input' as const,
  block_id: element.type,
  label: plain('l'),
  optional: true,
  dispatch_action: element.type !== 'file_input',
  element,
});
const form: ModalView = {
  type: 'modal',
  callback_id: 'form',
  title: plain('All'),
  submit: plain('Go'),
  close: plain('No'),
  notify_on_close: true,
  blocks: [
    { type: 'actions', block_id: 'row', elements: [button('go', 'v')] },
    input({ type: 'plain_text_input', action_id: 'e' }),
    input({ type: 'number_input', action_id: 'e', is_decimal_allowed: false }),
    input({ type: 'static_select', action_id: 'e', options }),
    input({ type: 'external_select', action_id: 'e', min_query_length: 1 }),
    input({ type: 'users_select', action_id: 'e' }),
    input({ type: 'channels_select', action_id: 'e' }),
    input({ type: 'conversations_select', action_id: 'e' }),
    input({ type: 'multi_static_select', action_id: 'e', options }),
    input({ type: 'checkboxes', action_id: 'e', options }),
    input({ type: 'radio_buttons', action_id: 'e', options }),
    input({ type: 'datepicker', action_id: 'e' }),
    input({ type: 'timepicker', action_id: 'e' }),
    input({ type: 'datetimepicker', action_id: 'e' }),
    input({ type: 'file_input', action_id: 'e' }),
  ],
};
const CHOICES: Readonly<Record<string, unknown>> = {
  plain_text_input: 'text',
  number_input: '3',
  static_select: 'a',
  external_select: 'x',
  users_select: 'viewer',
  channels_select: 'random',
  conversations_select: 'random',
  multi_static_select: ['a', 'b'],
  checkboxes: ['b'],
  radio_buttons: 'a',
  datepicker: '2026-03-02',
  timepicker: '10:30',
  datetimepicker: 1_772_442_000,
};
/**
 * Elements for whose action Bolt has no type, according to their pages under
 * docs.slack.dev/reference/block-kit/block-elements.
 */
const UNTYPED: Readonly<Record<string, string>> = {
  number_input: "BasicElementAction<'number_input'> & { value: string }",
  datetimepicker: "BasicElementAction<'datetimepicker'> & { selected_date_time: number }",
};

const act = (slack: LocalSlack, place: Json) => person(slack, 'action', { user: 'operator', actionId: 'go', ...place });

/** Does everything as a person that reaches an app. Returns what the app received, for the compiler. */
async function envelopes(slack: LocalSlack, app: IndependentApp): Promise<Claim[]> {
  const { chat, views } = clientOf(slack);
  const last = () => app.heard.at(-1)?.body ?? {};
  const claims: Claim[] = [];
  const username = BEYOND_TYPES.filter((path) => path !== 'user.username');
  const click = (name: string) => claims.push(claim(name, 'BlockAction', bolt('BlockAction'), last(), username));
  // docs.slack.dev/reference/interaction-payloads/block_actions-payload: response_url for messages only.
  const clickInView = (name: string, element = 'BlockElementAction') => {
    const imports = bolt('BlockAction', 'BlockElementAction', 'BasicElementAction');
    claims.push(claim(name, `Omit<BlockAction<${element}>, 'response_url'>`, imports, last(), username));
  };

  await person(slack, 'command', { user: 'operator', channel: 'timesheet-ocr', text: '/demo a b' });
  claims.push(claim('a command', 'SlashCommand', bolt('SlashCommand'), last()));
  const trigger_id = String(last().trigger_id);

  const menu = { type: 'overflow' as const, action_id: 'more', options };
  const blocks = [
    { ...section('s'), accessory: menu },
    { type: 'actions' as const, elements: [button('go', 'v')] },
  ];
  const { ts = '' } = await chat.postMessage({ channel: C, text: 'x', blocks });
  await act(slack, { ts });
  click('a click in a message');
  await act(slack, { ts, actionId: 'more', value: 'b' });
  click('a choice in a message’s menu');
  await act(slack, { ts: (await chat.postMessage({ channel: C, text: 'x', blocks, thread_ts: ts })).ts });
  click('a click in a thread');
  const alone = await chat.postEphemeral({ channel: C, user: 'U0OPERATOR', text: 'x', blocks });
  await act(slack, { ts: alone.message_ts });
  click('a click in an ephemeral message');

  const home = await views.publish({ user_id: 'U0OPERATOR', view: { type: 'home', blocks } });
  await act(slack, { viewId: home.view?.id });
  clickInView('a click in a Home tab');
  const viewId = (await views.open({ trigger_id, view: form })).view?.id;
  await act(slack, { viewId });
  clickInView('a click in a modal');
  for (const [blockId, value] of Object.entries(CHOICES)) {
    await act(slack, { viewId, blockId, actionId: 'e', value });
    clickInView(`a choice in a ${blockId}`, UNTYPED[blockId]);
  }
  await person(slack, 'suggest', { user: 'operator', viewId, blockId: 'external_select', actionId: 'e', value: 'x' });
  claims.push(claim('what is typed into a menu', 'BlockSuggestion', bolt('BlockSuggestion'), last()));

  const { file } = await person(slack, 'upload', { user: 'operator', name: 'keys.txt', content: 'a.png' });
  const values = { file_input: { e: [file?.id] } };
  app.answerWith(() => ({ response_action: 'push', view: form }));
  await person(slack, 'submit', { user: 'operator', viewId, values });
  claims.push(claim('a submission', 'ViewSubmitAction', bolt('ViewSubmitAction'), last()));
  app.answerWith(() => undefined);
  const top = (await stateOf(slack)).views.U0OPERATOR?.at(-1)?.id;
  await person(slack, 'close', { user: 'operator', viewId: top });
  claims.push(claim('a closed view', 'ViewClosedAction', bolt('ViewClosedAction'), last()));

  const opened = { EnvelopedEvent: '@slack/bolt', AppHomeOpenedEvent: '@slack/types' };
  await person(slack, 'home', { user: 'viewer' });
  claims.push(claim('an opened Home tab', 'EnvelopedEvent<AppHomeOpenedEvent>', opened, last()));
  await person(slack, 'home', { user: 'operator' });
  // The view of the event is complete, as its page shows. The type only has what an app can send.
  const { event, ...outside } = last();
  const { view, ...inside } = Object(event);
  claims.push(
    claim('a Home tab opened again', 'EnvelopedEvent<AppHomeOpenedEvent>', opened, { ...outside, event: inside }),
    claim('the view of a Home tab opened again', 'ViewOutput', bolt('ViewOutput'), view, SUBMIT_DISABLED),
  );
  return claims;
}

/**
 * The fields in the success example of a method's page (docs.slack.dev/reference/methods/<method>). The published types
 * of answers require no fields, so these are checked by name.
 */
const ON_ITS_PAGE: Readonly<Record<string, readonly string[]>> = {
  'chat.postMessage': ['ok', 'channel', 'ts', 'message.text', 'message.bot_id', 'message.type', 'message.ts'],
  'chat.update': ['ok', 'channel', 'ts', 'text', 'message.text', 'message.user'],
  'chat.postEphemeral': ['ok', 'message_ts'],
  'chat.getPermalink': ['ok', 'channel', 'permalink'],
  'views.open': ['id', 'team_id', 'type', 'title', 'submit', 'blocks', 'private_metadata', 'callback_id', 'external_id']
    .concat('state.values', 'hash', 'clear_on_close', 'notify_on_close', 'root_view_id', 'app_id', 'bot_id')
    .map((name) => `view.${name}`),
  'views.push': ['view.previous_view_id', 'view.root_view_id', 'view.hash'],
  'views.update': ['view.id', 'view.hash', 'view.state.values'],
  'views.publish': ['view.id', 'view.type', 'view.hash', 'view.app_id', 'view.bot_id'],
  'files.getUploadURLExternal': ['ok', 'upload_url', 'file_id'],
  'files.completeUploadExternal': ['ok', 'files.0.id', 'files.0.title'],
  'files.info': ['ok', 'file.id', 'file.name', 'file.mimetype', 'file.size', 'file.url_private', 'file.permalink'],
  'users.info': ['user.id', 'user.team_id', 'user.name', 'user.deleted', 'user.is_bot', 'user.is_restricted'].concat(
    'user.is_ultra_restricted',
    'user.is_app_user',
    'user.profile.team',
    'user.updated',
  ),
  'usergroups.users.list': ['ok', 'users.0'],
  'conversations.info': [
    'channel.id',
    'channel.name',
    'channel.is_channel',
    'channel.is_archived',
    'channel.is_member',
  ].concat('channel.is_private', 'channel.is_im', 'channel.created', 'channel.name_normalized'),
  'conversations.open': ['ok', 'channel.id'],
  'auth.test': ['ok', 'url', 'team', 'user', 'team_id', 'user_id', 'bot_id', 'is_enterprise_install'],
  'apps.connections.open': ['ok', 'url'],
};

const at = (value: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((inside, name) => Object(inside)[name], value);

/** Calls every method that the bot uses. Returns the answers by method. */
async function answers(slack: LocalSlack, app: IndependentApp): Promise<ReadonlyMap<string, unknown>> {
  const client = clientOf(slack);
  const { chat, views, files } = client;
  const found = new Map<string, unknown>();
  const keep = <T>(method: string, answer: T): T => {
    found.set(method, answer);
    return answer;
  };
  const blocks = [section('s'), { type: 'actions' as const, elements: [button('go', 'v')] }];
  const { ts = '' } = keep('chat.postMessage', await chat.postMessage({ channel: C, text: 'x', blocks }));
  keep('chat.update', await chat.update({ channel: C, ts, text: 'y', blocks }));
  keep('chat.postEphemeral', await chat.postEphemeral({ channel: C, user: 'U0VIEWER', text: 'x' }));
  keep('chat.getPermalink', await chat.getPermalink({ channel: C, message_ts: ts }));
  await person(slack, 'command', { user: 'operator', channel: 'timesheet-ocr', text: '/demo' });
  const trigger = () => String(app.heard.at(-1)?.body.trigger_id);
  const view_id = keep('views.open', await views.open({ trigger_id: trigger(), view: form })).view?.id ?? '';
  await act(slack, { viewId: view_id });
  keep('views.push', await views.push({ trigger_id: trigger(), view: form }));
  keep('views.update', await views.update({ view_id, view: form }));
  keep('views.publish', await views.publish({ user_id: 'U0VIEWER', view: { type: 'home', blocks } }));
  const place = keep('files.getUploadURLExternal', await files.getUploadURLExternal({ filename: 'a.csv', length: 1 }));
  await fetch(place.upload_url ?? '', { method: 'POST', body: 'x' });
  const file = place.file_id ?? '';
  const shared = await files.completeUploadExternal({ files: [{ id: file, title: 't' }], channel_id: C });
  keep('files.completeUploadExternal', shared);
  keep('files.info', await files.info({ file }));
  keep('users.info', await client.users.info({ user: 'U0VIEWER' }));
  keep('usergroups.users.list', await client.usergroups.users.list({ usergroup: 'S0OPERATORS' }));
  keep('conversations.info', await client.conversations.info({ channel: C }));
  keep('conversations.open', await client.conversations.open({ users: 'U0VIEWER', return_im: true }));
  keep('auth.test', await client.auth.test());
  keep('apps.connections.open', await clientOf(slack, slack.tokens.app).apps.connections.open());
  return found;
}

/** `files.getUploadURLExternal` → `FilesGetUploadURLExternalResponse`. */
const answerType = (method: string) =>
  `${method.replace(/(^|\.)(\w)/g, (_, _dot, letter: string) => letter.toUpperCase())}Response`;

/**
 * The client's types have their own lists of blocks and texts for views and messages in answers, which are not usable
 * here. A view is checked against Bolt's `ViewOutput`, which has required fields, and blocks against those that an app
 * may send.
 */
function claimsOf(method: string, { view, message, ...outside }: Json): Claim[] {
  const { blocks, ...said } = Object(message);
  const type = answerType(method);
  const answer = message === undefined ? outside : { ...outside, message: said };
  return [
    claim(method, type, { [type]: '@slack/web-api' }, answer),
    ...(view === undefined ? [] : [claim(`${method}: view`, 'ViewOutput', bolt('ViewOutput'), view, SUBMIT_DISABLED)]),
    ...(blocks === undefined
      ? []
      : [claim(`${method}: blocks`, 'KnownBlock[]', { KnownBlock: '@slack/types' }, blocks, [])]),
  ];
}

const failing = (complaints: ReadonlyMap<string, readonly string[]>) =>
  Object.fromEntries([...complaints].filter(([, about]) => about.length > 0));

describe('the shapes', () => {
  it('the payload of every envelope matches Bolt’s types', async () => {
    const slack = await slackForTest();
    const claims = await envelopes(slack, await independentApp(slack));
    expect(failing(await complaintsAbout(claims))).toEqual({});
    // Bolt allows any additional field in a command. These are all that its page lists.
    const command = claims.find(({ name }) => name === 'a command')?.value;
    expect(Object.keys(Object(command)).toSorted()).toEqual(
      ['api_app_id', 'channel_id', 'channel_name', 'command', 'is_enterprise_install', 'response_url', 'team_domain']
        .concat('team_id', 'text', 'token', 'trigger_id', 'user_id', 'user_name')
        .toSorted(),
    );
  });

  it('the answer of every method matches the types of the Web API client and has all fields of the method’s page', async () => {
    const slack = await slackForTest();
    const found = await answers(slack, await independentApp(slack));
    expect([...found.keys()].toSorted()).toEqual(Object.keys(ON_ITS_PAGE).toSorted());
    const claims = [...found].flatMap(([method, answer]) => claimsOf(method, Object(answer)));
    expect(failing(await complaintsAbout(claims))).toEqual({});
    for (const [method, paths] of Object.entries(ON_ITS_PAGE))
      for (const path of paths) expect(at(found.get(method), path), `${method}: ${path}`).toBeDefined();
  });

  it('a missing field, a wrong type and an unknown field are reported', async () => {
    const whole = { ok: true, channel: C, ts: '1.000000', message: { text: 'x', type: 'message' } };
    const posted = { ChatPostMessageResponse: '@slack/web-api' };
    const about = (name: string, value: unknown) => claim(name, 'ChatPostMessageResponse', posted, value);
    const complaints = await complaintsAbout([
      about('whole', whole),
      about('wrong type', { ...whole, ts: 1 }),
      about('not Slack’s', { ...whole, message: { ...whole.message, texxt: 'x' } }),
      claim('missing', 'ViewClosedAction', bolt('ViewClosedAction'), { type: 'view_closed', is_cleared: true }),
    ]);
    expect(Object.keys(failing(complaints))).toEqual(['wrong type', 'not Slack’s', 'missing']);
    expect(complaints.get('wrong type')?.[0]).toContain("Type 'number' is not assignable to type 'string'");
    expect(complaints.get('missing')?.[0]).toContain('api_app_id');
  });
});
