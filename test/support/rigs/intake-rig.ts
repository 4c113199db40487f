import pino from 'pino';
import type { BotControls } from '../../../src/app/controls.ts';
import { assembleAccess, type ClientParts } from '../../../src/app/slack/clients.ts';
import { assembleDelivery } from '../../../src/app/slack/delivery.ts';
import { assembleHandlers, assembleIntake } from '../../../src/app/slack/intake.ts';
import type { SlackPorts } from '../../../src/app/slack/ports.ts';
import { assembleRequests } from '../../../src/app/slack/requests.ts';
import { assembleThreads } from '../../../src/app/slack/threads.ts';
import type { NewAuditEntry } from '../../../src/checklist/audit/audit-writer.ts';
import type { TableControl } from '../../../src/checklist/contracts/table-control.ts';
import { readSettings } from '../../../src/settings.ts';
import { createChannelIds } from '../../../src/slack/client/channel-ids.ts';
import { createAcceptor } from '../../../src/slack/intake/accept.ts';
import type { Message } from '../../../src/slack/messages/kit/message.ts';
import { withoutChoice } from '../../../src/slack/requests/choose-pipeline.ts';
import { createPipelineStates } from '../../../src/slack/requests/pipeline-state.ts';
import { createAnswerStore } from '../../../src/state/answer-store.ts';
import { createButtonMessages } from '../../../src/state/button-messages.ts';
import { createChannelIdStore } from '../../../src/state/channel-ids.ts';
import { createDeliveryClaims } from '../../../src/state/delivery-claims.ts';
import { createEarlyAlerts } from '../../../src/state/early-alerts.ts';
import { createFollowUps } from '../../../src/state/follow-ups.ts';
import { createLease } from '../../../src/state/lease.ts';
import { createOutbox } from '../../../src/state/outbox.ts';
import { failOnWarning } from '../fail-on-warning.ts';
import { idleControls } from '../memory/idle-checklist.ts';
import { idleSchedules } from '../memory/idle-schedules.ts';
import { idleTableControl } from '../memory/idle-table-control.ts';
import { createMemoryControlTable } from '../memory/memory-control-table.ts';
import { createScriptedRunControl } from '../memory/scripted-run-control.ts';
import { createFakeClock } from './fake-clock.ts';

/** The methods that return an iterable in place of a promise. */
const ITERABLES: ReadonlySet<string> = new Set(['entries', 'findLines', 'followLines']);
/** The methods that only register a listener or answer from memory. */
const SILENT: ReadonlySet<string> = new Set([
  'watch',
  'knownHalts',
  'watchObsoleteRequests',
  'standBy',
  'waiting',
  'enqueue',
]);

export interface IntakeRigOptions {
  readonly settings?: Readonly<Record<string, string>>;
  /** In place of those of the settings. */
  readonly channels?: () => readonly string[];
  /** What `users.info` answers, besides the id and the workspace. */
  readonly users?: Readonly<Record<string, object | Error>>;
  readonly tables?: Partial<TableControl>;
  readonly controls?: Partial<Omit<BotControls, 'tables'>>;
  readonly runs?: ReturnType<typeof createScriptedRunControl>;
}

/**
 * The bot's own commands, buttons, forms, permissions and intake, on controls in memory that record each call: `runs.stop`. No call
 * needs Slack, AWS or real time.
 */
export function createIntakeRig(options: IntakeRigOptions = {}) {
  const clock = createFakeClock();
  const calls: { readonly name: string; readonly args: string }[] = [];
  const audited: NewAuditEntry[] = [];
  const world: { failure?: Error } = {};

  /** The same object, which records its calls and, except Slack, fails where the world does. */
  function recorded<T extends object>(name: string, target: T): T {
    return new Proxy(target, {
      get(object, key, receiver) {
        const value: unknown = Reflect.get(object, key, receiver);
        if (typeof value !== 'function' || typeof key !== 'string') return value;
        return (...args: unknown[]): unknown => {
          if (!SILENT.has(key)) calls.push({ name: `${name}.${key}`, args: JSON.stringify(args) ?? '' });
          const { failure } = world;
          if (!failure || SILENT.has(key) || name === 'slack') return Reflect.apply(value, object, args);
          return ITERABLES.has(key) ? failing(failure) : Promise.reject(failure);
        };
      },
    });
  }

  const settings = readSettings({
    SLACK_BOT_TOKEN: 'xoxb-1',
    SLACK_APP_TOKEN: 'xapp-1',
    SLACK_CHANNELS: 'C0TIMESHEET',
    OPERATORS: 'U0OPERATOR',
    APPROVERS: 'U0APPROVER',
    ...options.settings,
  });
  const scripted = options.runs ?? createScriptedRunControl();
  const runs = recorded('runs', scripted);
  const idle = { ...idleControls(scripted), ...options.controls };
  const { table } = createMemoryControlTable();
  const idleOnes = idleSchedules(table, clock);
  const ports: SlackPorts = {
    settings,
    channels: options.channels ?? (() => settings.slackChannels),
    choice: recorded(
      'choice',
      withoutChoice(() => settings.slackChannels),
    ),
    runs,
    tables: recorded('tables', { ...idleTableControl(), ...options.tables }),
    ...idle,
    checklist: recorded('checklist', idle.checklist),
    scope: recorded('scope', idle.scope),
    starts: recorded('starts', idle.starts),
    engine: recorded('engine', idle.engine),
    steps: recorded('steps', idle.steps),
    deploys: recorded('deploys', idle.deploys),
    autopilot: recorded('autopilot', idle.autopilot),
    results: recorded('results', idle.results),
    diagnoses: recorded('diagnoses', idle.diagnoses),
    functionLog: {
      ...recorded('functionLog', idle.functionLog),
      followStops: recorded('followStops', idle.functionLog.followStops),
    },
    audit: recorded('audit', { ...idle.audit, enqueue: (entry) => void audited.push(entry) }),
    ...idleOnes,
    schedules: recorded('schedules', idleOnes.schedules),
    outbox: createOutbox({ table, name: 'test', warn: failOnWarning }),
    followUps: createFollowUps({ table, name: 'test', warn: failOnWarning }),
    webhookEvents: createFollowUps({ table, name: 'test#webhook', warn: failOnWarning }),
    webhookLease: createLease({ table, name: 'webhooks', holder: 'test', durationMs: 30_000, clock }),
    drivesRuns: () => true,
    followUpLease: createLease({ table, name: 'follow', holder: 'test', durationMs: 30_000, clock }),
    buttonMessages: createButtonMessages({ table, name: 'test', warn: failOnWarning }),
    earlyAlerts: createEarlyAlerts({ table, name: 'test' }),
    answerStore: createAnswerStore({ table, name: 'test' }),
    deliveryClaims: createDeliveryClaims({ table, name: 'test', warn: failOnWarning }),
    channelIds: createChannelIdStore({ table, name: 'test' }),
    clock,
    machineAheadMs: () => 0,
    random: () => 0.5,
    logger: pino({ level: 'silent' }),
    onError: () => {},
  };

  const slack = recorded('slack', {
    post: async () => '9.0',
    postStored: async () => '9.0',
    edit: async () => {},
    editStored: async () => {},
    removeButtons: async () => {},
    postEphemeral: async () => {},
    permalink: async () => undefined,
    openView: async () => 'V1',
    updateView: async () => {},
    async share({ files }: { files: AsyncIterable<unknown> }) {
      let count = 0;
      for await (const _ of files) count += 1;
      return count;
    },
  });
  const clients: ClientParts = {
    channelIds: createChannelIds({
      store: ports.channelIds,
      channels: () => settings.slackChannels,
      clock,
      logger: ports.logger,
    }),
    answers: slack,
    progress: slack,
    alerts: slack,
    modals: slack,
    files: slack,
    publishHome: async () => {},
    download: async () => new Uint8Array(),
    lookups: {
      membersOf: async () => [],
      readChannel: async () => ({ is_member: true }),
      async readUser(id) {
        const user = options.users?.[id];
        if (user instanceof Error) throw user;
        return { id, team_id: 'T1', ...user };
      },
      teamId: async () => 'T1',
      nameOf: async () => undefined,
      directChannel: async () => 'D1',
    },
  };
  const access = assembleAccess(ports, clients);
  const delivery = assembleDelivery(ports, clients);
  const requests = assembleRequests(ports, clients, access, delivery);
  const threads = assembleThreads(ports, clients, access, delivery, requests);
  const states = createPipelineStates(ports);
  const handlers = assembleHandlers(ports, clients, access, delivery, requests, threads, states);
  const intake = assembleIntake(
    ports,
    access,
    handlers,
    states,
    createAcceptor({ ...ports, claims: ports.deliveryClaims, now: clock.now }),
  );

  let deliveries = 0;
  const heard: Message[] = [];
  const reply = async (message: Message) => void heard.push(message);
  /** What one request said and called; the control calls that only read are in `calls` as well. */
  async function during(work: (id: string) => Promise<void>) {
    calls.length = 0;
    audited.length = 0;
    heard.length = 0;
    deliveries += 1;
    await work(`delivery-${deliveries}`);
    return { heard: [...heard], calls: [...calls], audited: [...audited] };
  }

  return {
    ...handlers,
    intake,
    /** What was called and recorded since the last request that was made with the rig itself. */
    seen: { calls, audited },
    clock,
    states,
    world,
    runs: scripted,
    command: (person: string, text: string, channel = 'C0TIMESHEET') =>
      during((id) =>
        intake.command({
          person,
          channel,
          text,
          triggerId: id,
          deliveryId: id,
          reply,
          acknowledge: async (message) => {
            if (message) heard.push(message);
            return true;
          },
        }),
      ),
    click: (person: string, actionId: string, value: string, channel = 'C0TIMESHEET', ts = '1.0') =>
      during((id) =>
        intake.click({
          person,
          actionId,
          value,
          message: { channel, ts },
          isEphemeral: false,
          triggerId: id,
          deliveryId: id,
          reply,
          removeButtons: async () => {},
          replaceMessage: async () => {},
          acknowledge: async () => true,
        }),
      ),
    submit: (person: string, callbackId: string, privateMetadata: unknown, values: unknown = {}) =>
      during((id) =>
        intake.submission({
          person,
          callbackId,
          viewId: 'V1',
          privateMetadata: JSON.stringify(privateMetadata),
          values,
          deliveryId: id,
          replyIn: async (_channel, message) => reply(message),
          acknowledge: async (answer) => {
            const shown = answer && ('view' in answer ? answer.view.blocks : answer.errors);
            if (shown) heard.push({ text: JSON.stringify(shown), blocks: [] });
            return true;
          },
        }),
      ),
  };
}

// biome-ignore lint/correctness/useYield: it fails before its first value
async function* failing(error: Error): AsyncGenerator<never> {
  throw error;
}
