import { afterEach, expect, test } from 'vitest';
import { runActions } from '../../../src/slack/actions/run-actions.ts';
import { createPermissions } from '../../../src/slack/intake/permissions.ts';
import { ACTION } from '../../../src/slack/messages/kit/buttons.ts';
import type { Message } from '../../../src/slack/messages/kit/message.ts';
import { createRunRequests } from '../../../src/slack/requests/run-requests.ts';
import { idleControls } from '../../support/memory/idle-checklist.ts';
import { idleTableControl } from '../../support/memory/idle-table-control.ts';
import { peopleWith } from '../../support/messages/people.ts';
import { type RunsRig, startRunsRig } from '../../support/rigs/runs-rig.ts';

let rig: RunsRig;
afterEach(() => rig.close());

test.each([
  [ACTION.stop, 'stop'],
  [ACTION.stopNow, 'stop'],
  [ACTION.stopAsked, 'stop'],
  [ACTION.pause, 'pause'],
] as const)(
  'while the control table does not answer, the button %s halts the run within a second and is answered within ten, and the %s is stored elsewhere',
  async (button, halt) => {
    rig = await startRunsRig({ images: 300 });
    const { clock } = rig;
    const bot = await rig.copy();
    const { runs } = bot;
    const runId = await rig.start(bot, { pace: { kind: 'fixed', perMinute: 600 } });
    await rig.untilDone(bot, 10);
    const links = { toRun: async () => undefined, toRunOf: async () => undefined, to: async () => undefined };
    const permissions = createPermissions({
      operators: [],
      approvers: [],
      stopFor: 'everyone',
      membersOf: async () => [],
      people: peopleWith(),
      clock,
    });
    const never = () => new Promise<never>(() => {});
    const actions = runActions({
      runs,
      requests: createRunRequests({ runs, liveMessages: { show: () => {} }, links }),
      status: { states: { read: never, lastKnown: () => undefined }, links, permissions, clock },
      tables: idleTableControl(),
      deploys: idleControls(runs).deploys,
      autopilot: idleControls(runs).autopilot,
      clock,
      onError: () => {},
    });
    rig.control.isAway = true;
    const answers: (Message | undefined)[] = [];
    void actions[button]
      .execute({
        person: 'U9',
        channel: 'C1',
        triggerId: 't',
        message: { channel: 'C1', ts: '1.1' },
        isEphemeral: false,
        value: runId,
        reply: async () => {},
        removeButtons: async () => {},
        replaceMessage: async () => {},
      })
      .then((answer) => answers.push(answer));
    await rig.pass(1_000);
    const { total } = await rig.invocations();
    expect(total).toBeLessThan(300);
    await rig.pass(9_000);
    expect((await rig.invocations()).total, 'no image starts a second after the click').toBe(total);
    // The bucket is read and written in real time.
    await expect.poll(() => answers.length, { timeout: 30_000 }).toBe(1);
    expect(answers.map((answer) => answer?.text)).toEqual([
      expect.stringContaining(`The ${halt} is stored in \`s3://`),
    ]);
  },
);
