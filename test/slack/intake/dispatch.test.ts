import { WebAPIPlatformError } from '@slack/web-api';
import { describe, expect, test } from 'vitest';
import { defined } from '../../../src/lib/defined.ts';
import { FaultError } from '../../../src/pipeline/fault.ts';
import type { KnownHalts } from '../../../src/run/model/run-control.ts';
import type { Action } from '../../../src/slack/actions/action.ts';
import type { Command } from '../../../src/slack/commands/command.ts';
import { createAcceptor } from '../../../src/slack/intake/accept.ts';
import type { Membership } from '../../../src/slack/intake/channel-membership.ts';
import { createDeduplicator } from '../../../src/slack/intake/deduplicate.ts';
import { createIntake } from '../../../src/slack/intake/dispatch.ts';
import { createHeavyReads } from '../../../src/slack/intake/heavy-reads.ts';
import type { People } from '../../../src/slack/intake/people.ts';
import { createPermissions } from '../../../src/slack/intake/permissions.ts';
import { type Message, refuseWith, say } from '../../../src/slack/messages/kit/message.ts';
import { createDeliveryClaims } from '../../../src/state/delivery-claims.ts';
import type { ControlTable } from '../../../src/state/table/control-table.ts';
import { failOnWarning } from '../../support/fail-on-warning.ts';
import { createMemoryControlTable } from '../../support/memory/memory-control-table.ts';
import { peopleWith } from '../../support/messages/people.ts';
import { createFakeClock, settle } from '../../support/rigs/fake-clock.ts';

function intakeWith(
  options: {
    membersOf?: () => Promise<readonly string[]>;
    people?: People;
    /** The role that the button needs. */
    role?: Action['role'];
    reachesSlack?: boolean;
    membership?: Membership;
    inDirectMessages?: true;
    /** Shared with another copy, or failing. */
    table?: ControlTable;
    /** What the button does. */
    press?: Action['execute'];
    whileAcknowledging?: () => Promise<void>;
    /** Of the command. */
    changesState?: true;
    fault?: ConstructorParameters<typeof FaultError>[0];
    /** Of the command and the button. */
    knownHalts?: () => KnownHalts;
  } = {},
) {
  const clock = createFakeClock();
  const done: string[] = [];
  const heard: string[] = [];
  const noted: string[] = [];
  const given: (KnownHalts | undefined)[] = [];
  const go: Command = {
    word: 'go',
    role: options.role ?? 'operator',
    group: 'run',
    summary: 'goes',
    usage: 'go',
    example: 'go',
    read: () => ({
      ok: true,
      value: {
        immediateReply: say('Going…'),
        ...(options.changesState ? { changesState: true } : {}),
        ...defined({ knownHalts: options.knownHalts }),
        async execute({ person, halts }) {
          done.push(`go by ${person}`);
          given.push(halts);
          if (options.fault) throw new FaultError(options.fault);
          return say('Gone.');
        },
      },
    }),
  };
  const audited: { who: string; what: string; outcome: string }[] = [];
  const table = options.table ?? createMemoryControlTable().table;
  const claims = createDeliveryClaims({ table, name: 'test', warn: failOnWarning });
  const intake = createIntake({
    commands: new Map([['go', go]]),
    actions: {
      press: {
        role: options.role ?? 'operator',
        ...(options.inDirectMessages ? { inDirectMessages: true } : {}),
        ...defined({ knownHalts: options.knownHalts }),
        async execute(click) {
          given.push(click.halts);
          done.push(`press ${click.value} by ${click.person}`);
          return options.press?.(click);
        },
      },
    },
    forms: new Map([
      [
        'form',
        {
          role: 'operator',
          read: ({ privateMetadata }) => ({
            kind: 'execute',
            channel: privateMetadata,
            async execute({ person }) {
              done.push(`form by ${person}`);
              return undefined;
            },
          }),
        },
      ],
    ]),
    audit: (facts) => void audited.push(facts),
    permissions: createPermissions({
      operators: ['U1', 'S1'],
      approvers: [],
      stopFor: 'operators',
      membersOf: options.membersOf ?? (async () => []),
      people: options.people ?? peopleWith(),
      clock,
    }),
    membership: { of: async () => options.membership ?? 'member' },
    channels: () => ['C1'],
    deduplicator: createDeduplicator(clock),
    acceptor: createAcceptor({
      claims,
      clock,
      now: clock.now,
      random: () => 0.5,
      onError: (_, message) => noted.push(message),
    }),
    heavyReads: createHeavyReads(clock),
    lastKnown: () => ['Last known state: r-1 is running.'],
    clock,
    noteFormGone: ({ reason }) => noted.push(reason),
    reportError: () => 'abcd1234',
  });
  const acknowledge = async (message?: Message) => {
    heard.push(`ack${message ? ` ${message.text.split('\n')[0]}` : ''}`);
    await options.whileAcknowledging?.();
    return options.reachesSlack ?? true;
  };
  const reply = async (message: Message) => void heard.push(`replied ${message.text.split('\n')[0]}`);
  return {
    clock,
    done,
    heard,
    audited,
    noted,
    /** What was known of halts, as it was given to what was executed. */
    given,
    /** What is accepted and not carried out yet. */
    open: () => Array.fromAsync(claims.open(), ({ deliveryId }) => deliveryId),
    command: (person: string, deliveryId: string) =>
      intake.command({ person, channel: 'C1', triggerId: deliveryId, text: 'go', deliveryId, reply, acknowledge }),
    click: (person: string, deliveryId: string, channel = 'C1') =>
      intake.click({
        person,
        deliveryId,
        actionId: 'press',
        value: 'r-1',
        message: { channel, ts: '1.000001' },
        isEphemeral: false,
        triggerId: deliveryId,
        reply,
        removeButtons: async () => {},
        replaceMessage: async () => {},
        acknowledge: () => acknowledge(),
      }),
    submit: (person: string, deliveryId: string, channel = 'C1') =>
      intake.submission({
        person,
        deliveryId,
        callbackId: 'form',
        viewId: 'V1',
        privateMetadata: channel,
        values: {},
        replyIn: async (_channel, message) => reply(message),
        acknowledge: async (answer) => {
          const closed = await acknowledge();
          if (answer && 'view' in answer) heard.push(`view ${JSON.stringify(answer.view.blocks)}`);
          return closed;
        },
      }),
  };
}

describe('the intake', () => {
  test('a request that Slack delivers twice is acknowledged twice and executed once', async () => {
    const { command, click, submit, done, heard } = intakeWith();
    for (const id of ['a', 'a', 'b']) await command('U1', id);
    for (const id of ['c', 'c', 'd']) await click('U1', id);
    for (const id of ['e', 'e']) await submit('U1', id);
    expect(done).toEqual(['go by U1', 'go by U1', 'press r-1 by U1', 'press r-1 by U1', 'form by U1']);
    expect(heard.filter((line) => line.startsWith('ack'))).toHaveLength(8);
  });

  test('a request that Slack delivers to two copies is acknowledged by both, and one of them executes and answers it', async () => {
    const { table } = createMemoryControlTable();
    const copies = [intakeWith({ table }), intakeWith({ table })];
    await Promise.all(copies.map(({ command }) => command('U1', 'a')));
    await Promise.all(copies.map(({ click }) => click('U1', 'b')));
    await Promise.all(copies.map(({ submit }) => submit('U1', 'c')));
    await Promise.all(copies.map(({ click }) => click('U1', 'd', 'C2')));
    expect(copies.flatMap(({ done }) => done).sort()).toEqual(['form by U1', 'go by U1', 'press r-1 by U1']);
    const heard = copies.flatMap((copy) => copy.heard);
    expect(heard.filter((line) => line.startsWith('ack'))).toHaveLength(8);
    expect(heard.filter((line) => line === 'replied Gone.')).toHaveLength(1);
    expect(heard.filter((line) => line.includes('does not work in this channel'))).toHaveLength(1);
    expect(copies.flatMap(({ audited }) => audited)).toHaveLength(4);
  });

  test('what a person knows to be accepted is stored, and stays open until it is carried out', async () => {
    const seen: string[] = [];
    const intake = intakeWith({
      async press() {
        seen.push(...(await intake.open()), ...intake.heard);
        return say('Done.');
      },
    });
    await intake.click('U1', 'a');
    expect(seen).toEqual(['a', 'ack']);
    expect(await intake.open()).toEqual([]);
    const other = intakeWith({ press: () => new Promise(() => {}) });
    void other.click('U1', 'b');
    await settle();
    expect(other.heard).toEqual(['ack']);
    expect(await other.open()).toEqual(['b']);
    await other.command('U1', 'c');
    await other.submit('U1', 'd');
    for (const refused of ['e', 'f']) await other.click('U7', refused);
    expect(await other.open()).toEqual(['b']);
  });

  test.each([
    ['a command', (intake: ReturnType<typeof intakeWith>) => intake.command('U1', 'a')],
    ['a click', (intake: ReturnType<typeof intakeWith>) => intake.click('U1', 'a')],
    ['a form', (intake: ReturnType<typeof intakeWith>) => intake.submit('U1', 'a')],
  ])('%s is stored before it is acknowledged, for at most 200 ms', async (_, request) => {
    let store = () => {};
    const held = createMemoryControlTable().as({ before: () => new Promise<void>((resolve) => (store = resolve)) });
    const intake = intakeWith({ table: held });
    const requested = request(intake);
    await settle();
    expect(intake.heard).toEqual([]);
    store();
    await settle();
    expect(intake.heard.length).toBeGreaterThan(0);
    store();
    await intake.clock.advance(2_000);
    await requested;
    const slow = intakeWith({ table: createMemoryControlTable().as({ before: () => new Promise(() => {}) }) });
    const late = request(slow);
    await slow.clock.advance(199);
    expect(slow.heard).toEqual([]);
    await slow.clock.advance(1);
    expect(slow.heard).toHaveLength(1);
    await slow.clock.advance(5_000);
    await late;
  });

  test('a stop is executed by each copy that gets it, without a claim', async () => {
    const { table } = createMemoryControlTable();
    const copies = [intakeWith({ table, role: 'stopper' }), intakeWith({ table, role: 'stopper' })];
    for (const { click } of copies) await click('U1', 'a');
    expect(copies.flatMap(({ done }) => done)).toEqual(['press r-1 by U1', 'press r-1 by U1']);
    const hanging = createMemoryControlTable().as({ before: () => new Promise(() => {}) });
    for (const ask of ['command', 'click'] as const) {
      const stop = intakeWith({ table: hanging, role: 'stopper' });
      const asked = stop[ask]('U1', 'a');
      await settle();
      expect(stop.heard[0]).toMatch(/^ack/);
      expect(stop.done).toEqual([ask === 'click' ? 'press r-1 by U1' : 'go by U1']);
      await stop.clock.advance(2_000);
      await asked;
    }
  });

  test('a command that everyone may use and that changes something never says that nothing was changed when AWS failed', async () => {
    const fault = { reason: 'network', message: 'no network', fix: 'Wait.' } as const;
    const reads = intakeWith({ role: 'viewer', fault });
    await reads.command('U7', 'a');
    expect(reads.heard.at(-1)).toMatch(/Nothing was changed/);
    const changes = intakeWith({ role: 'viewer', fault, changesState: true });
    await changes.command('U7', 'a');
    expect(changes.heard.at(-1)).toMatch(/may have been carried out or not/);
  });

  test('a request that another copy took while this one was frozen is not executed when it wakes, except a stop', async () => {
    for (const role of ['operator', 'stopper'] as const)
      for (const freezesIn of ['acknowledgement', 'permission'] as const) {
        const { table } = createMemoryControlTable();
        const taker = createDeliveryClaims({ table, name: 'test', warn: failOnWarning });
        const freeze = async () => {
          for await (const open of taker.open()) await taker.take(open, 'other');
          frozen.clock.jump(20_000);
        };
        const frozen = intakeWith({
          table,
          role,
          ...(freezesIn === 'acknowledgement' ? { whileAcknowledging: freeze } : {}),
          async membersOf() {
            if (freezesIn === 'permission') await freeze();
            return ['U2'];
          },
        });
        await frozen.command('U2', 'a');
        // The members of a group are remembered for a while.
        frozen.clock.jump(3_600_000);
        await frozen.click('U2', 'b');
        if (role === 'operator') {
          frozen.clock.jump(3_600_000);
          await frozen.submit('U2', 'c');
        }
        expect(frozen.done).toEqual(role === 'stopper' ? ['go by U2', 'press r-1 by U2'] : []);
      }
  });

  test('a request is executed at once when the control table fails, and after a second when it does not answer', async () => {
    const failing = createMemoryControlTable().as({ before: () => Promise.reject(new Error('no table')) });
    const down = intakeWith({ table: failing });
    const commanded = down.command('U1', 'a');
    await settle();
    expect(down.done).toEqual(['go by U1']);
    await down.clock.advance(1_000);
    await commanded;
    expect(down.noted.join()).toMatch(/could not be claimed/);
    const hanging = createMemoryControlTable().as({ before: () => new Promise(() => {}) });
    const slow = intakeWith({ table: hanging });
    const clicked = slow.click('U1', 'a');
    await slow.clock.advance(999);
    expect(slow.heard).toEqual(['ack']);
    expect(slow.done).toEqual([]);
    await slow.clock.advance(1);
    expect(slow.done).toEqual(['press r-1 by U1']);
    await slow.clock.advance(1_000);
    await clicked;
    expect(slow.done).toEqual(['press r-1 by U1']);
    expect(slow.noted.join()).toMatch(/did not answer within a second/);
  });

  test('only a button that says so works in direct messages, and in no other channel', async () => {
    const plain = intakeWith();
    await plain.click('U1', 'a', 'D1');
    expect(plain.done).toEqual([]);
    expect(plain.heard.join()).toMatch(/does not work in this channel/);
    const both = intakeWith({ inDirectMessages: true });
    await both.click('U1', 'a', 'D1');
    await both.click('U1', 'b', 'C2');
    expect(both.done).toEqual(['press r-1 by U1']);
  });

  test('a request is executed when its acknowledgement does not reach Slack, and the immediate reply is sent another way', async () => {
    const { command, done, heard } = intakeWith({ reachesSlack: false });
    await command('U1', 'a');
    expect(done).toEqual(['go by U1']);
    expect(heard).toEqual(['ack Going…', 'replied Going…', 'replied Gone.']);
  });

  test('a command is acknowledged within a second while the lookup of permissions is slow, and is executed after it', async () => {
    let answer: (members: readonly string[]) => void = () => {};
    const { command, done, heard, clock } = intakeWith({
      membersOf: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    });
    const commanded = command('U2', 'a');
    await clock.advance(999);
    expect(heard).toEqual(['ack']);
    expect(done).toEqual([]);
    answer(['U2']);
    await commanded;
    expect(done).toEqual(['go by U2']);
    expect(heard).toEqual(['ack', 'replied Going…', 'replied Gone.']);
  });

  test.each(['command', 'click'] as const)(
    'what is known of halts is read when a %s arrives, not after the lookup of the permission',
    async (kind) => {
      const lookups: ((members: readonly string[]) => void)[] = [];
      const reads: KnownHalts[] = [];
      const slow = intakeWith({
        membersOf: () => new Promise((resolve) => lookups.push(resolve)),
        knownHalts() {
          const halts = { before: Promise.resolve({ here: reads.length, counted: 0, found: { stops: [] } }) };
          reads.push(halts);
          return halts;
        },
      });
      const requested = slow[kind]('U2', 'a');
      expect(reads).toHaveLength(1);
      await slow.clock.advance(5_000);
      expect(slow.given).toEqual([]);
      for (const answer of lookups) answer(['U2']);
      await requested;
      expect(slow.given).toEqual(reads);
      expect(reads).toHaveLength(1);
    },
  );

  test('a stop is executed while the lookup of the permission hangs, and when it fails', async () => {
    const hanging = { lookUp: () => new Promise<never>(() => {}), areSame: async () => false };
    const slow = intakeWith({ people: hanging, role: 'stopper' });
    const clicked = slow.click('U2', 'a');
    await slow.clock.advance(999);
    await clicked;
    expect(slow.done).toEqual(['press r-1 by U2']);
    const down = intakeWith({ people: peopleWith({ U2: new Error('Slack is down') }), role: 'stopper' });
    await down.click('U2', 'a');
    expect(down.done).toEqual(['press r-1 by U2']);
    const resume = intakeWith({ people: peopleWith({ U1: new Error('Slack is down') }) });
    await resume.click('U1', 'a');
    expect(resume.done).toEqual([]);
    expect(resume.heard.join()).toContain('Slack did not say whether you are an active member');
  });

  test('a slow lookup that denies the permission executes nothing', async () => {
    let answer: (members: readonly string[]) => void = () => {};
    const { command, done, heard, clock } = intakeWith({
      membersOf: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    });
    const commanded = command('U2', 'a');
    await clock.advance(999);
    answer(['U3']);
    await commanded;
    expect(done).toEqual([]);
    expect(heard.filter((line) => line.includes('you have read-only access'))).toHaveLength(1);
  });

  test('a request without permission or from another channel executes nothing', async () => {
    const { command, click, submit, done, heard } = intakeWith();
    await command('U7', 'a');
    await click('U7', 'b');
    await submit('U7', 'c');
    await click('U1', 'd', 'C2');
    await submit('U1', 'e', 'C2');
    await settle();
    expect(done).toEqual([]);
    expect(heard.filter((line) => line.includes('you have read-only access'))).toHaveLength(3);
    expect(heard.filter((line) => line.includes('does not work in this channel'))).toHaveLength(2);
  });

  test.each<[string, Action['execute'], string]>([
    [
      'the fact of the answer',
      async () => say('*Rescan* r-1 is pausing.', 'Details.'),
      'answered: Rescan r-1 is pausing.',
    ],
    [
      'a refusal with its reason',
      async () => refuseWith('Nothing was done: no `backup`.'),
      'refused: Nothing was done: no backup.',
    ],
    ['that something was shown, when there is nothing to reply', async () => undefined, 'shown'],
    [
      'what the handler noted, when a form was shown',
      async ({ noteOutcome }) => {
        noteOutcome?.('shown: the form');
        return undefined;
      },
      'shown: the form',
    ],
    [
      'a reference, after an unexpected error',
      () => Promise.reject(new Error('x')),
      'failed: unexpected error (reference abcd1234)',
    ],
    [
      'the fault, when AWS cannot be reached',
      () => Promise.reject(new FaultError({ reason: 'network', message: 'no network', fix: 'Wait.' }, undefined)),
      'failed: no network',
    ],
    [
      'the error of Slack, when the channel refuses messages',
      () => Promise.reject(new WebAPIPlatformError({ ok: false, error: 'not_in_channel' })),
      'failed: Slack answered not_in_channel',
    ],
  ])('the audit records %s', async (_, press, outcome) => {
    const { click, audited } = intakeWith({ press });
    await click('U1', 'a');
    expect(audited).toEqual([{ who: 'U1', what: 'the button press of r-1', outcome }]);
  });

  test('the audit records a refused command with the reason', async () => {
    const { command, audited } = intakeWith();
    await command('U7', 'a');
    expect(audited).toEqual([
      { who: 'U7', what: '/rescan go', outcome: expect.stringMatching(/^refused: .*read-only access/) },
    ]);
  });
});
