import type { Approval } from '../../approvals/approval.ts';
import type { DeployControl, DeployEvent, DeployView } from '../../checklist/contracts/step-control.ts';
import { type Chat, type MessageLocation, onceIdOf, postOnce } from '../client/chat.ts';
import { classifySlackError, isPostingForbidden } from '../client/slack-errors.ts';
import type { AlertDelivery } from '../delivery/alert-delivery.ts';
import {
  deployApprovalMessage,
  deployNotStartedMessage,
  deployRequestEndedMessage,
} from '../messages/checklist/deploy-approval-message.ts';
import {
  deployAskedMessage,
  deployEndMessage,
  deployInterruptedMessage,
  deployingMessage,
  lateEndMessage,
  wrapperRemovedMessage,
} from '../messages/checklist/deploy-message.ts';
import type { Message } from '../messages/kit/message.ts';
import type { WhoApproves } from '../messages/table/approval-message.ts';
import { deniedNotice } from '../notifications/targets.ts';

/** Shows each deploy and rollback in one message of its channel. */
export interface DeployThread {
  /** For the end it resolves when that is shown. @throws when Slack does not accept it now: the event comes again. */
  handle(event: DeployEvent): Promise<void>;
}

/** Tells a deploy from its rollbacks, which have the same id. */
const workOf = ({ id, kind, at }: DeployView) => `${id} ${kind} ${at}`;

export function createDeployThread(ports: {
  chat: Pick<Chat, 'post' | 'edit'>;
  deploys: Pick<DeployControl, 'setMessage'>;
  alerts: Pick<AlertDelivery, 'put'>;
  whoApproves: WhoApproves;
  onError: (error: unknown, message: string) => void;
}): DeployThread {
  const { chat, onError } = ports;
  /** The message of each deploy that this process shows, and the last edit of it: edits keep their order. */
  const shown = new Map<string, Promise<MessageLocation | undefined>>();

  /** The first message is posted and its place is stored before it says that anything is going on. */
  async function begin(deploy: DeployView, channel: string): Promise<MessageLocation> {
    const key = `${workOf(deploy)} begun`;
    const message = { channel, ts: await postOnce(chat, channel, deployAskedMessage(deploy), key) };
    await ports.deploys.setMessage(deploy, message);
    await chat.edit(message, deployingMessage(deploy));
    return message;
  }

  /** Edits the message after what was shown before. The deploy does not wait for Slack. */
  function show(deploy: DeployView, message: Message): Promise<MessageLocation | undefined> {
    const next = (shown.get(workOf(deploy)) ?? Promise.resolve(deploy.message)).then(async (location) => {
      if (location)
        await chat
          .edit(location, message)
          .catch((error: unknown) => onError(error, 'the message of a deploy was not edited'));
      return location;
    });
    shown.set(workOf(deploy), next);
    return next;
  }

  async function end({ deploy, end: how, late }: Extract<DeployEvent, { kind: 'ended' }>): Promise<void> {
    const { id, channel } = deploy;
    if (channel === undefined) return;
    const message = deployEndMessage(deploy, how);
    // The id of the alert below: of both Slack shows one, and a repetition after a lost answer is no second message.
    const once = `${deploy.kind} ${deploy.at} end`;
    const onceId = onceIdOf(`${id} ${once}`, channel);
    const location = (await shown.get(workOf(deploy))) ?? deploy.message;
    shown.delete(workOf(deploy));
    try {
      if (!location) return void (await chat.post(channel, message, undefined, onceId));
      await chat.edit(location, message);
    } catch (error) {
      const failure = classifySlackError(error);
      if (failure.kind !== 'refused') throw error;
      // Stored until the channel is open again.
      if (isPostingForbidden(failure.code))
        return ports.alerts.put(
          id,
          location ? { to: 'edit', at: location, message } : { to: 'channel', message, once },
        );
      onError(error, `Slack refuses the message of deploy ${id}. It is posted anew.`);
      return void (await chat.post(channel, message, undefined, onceId).catch((again: unknown) => {
        if (classifySlackError(again).kind !== 'refused') throw again;
        onError(again, `Slack refuses to show the end of deploy ${id} in ${channel}. The audit has it.`);
      }));
    }
    if (!late) return;
    await chat
      .post(
        channel,
        lateEndMessage(deploy, how, late),
        { ts: location.ts, broadcast: false },
        onceIdOf(`${workOf(deploy)} late`, channel),
      )
      .catch((error: unknown) => onError(error, 'the requester of a deploy was not notified of its end'));
  }

  async function showDecision(approval: Approval): Promise<void> {
    const { id, channel, ts } = approval;
    if (ts === undefined) return;
    await chat.edit({ channel, ts }, deployApprovalMessage(approval, ports.whoApproves)).catch((error: unknown) => {
      if (classifySlackError(error).kind !== 'refused') throw error;
      onError(error, 'Slack refuses to edit the message of a request.');
    });
    const message = deployRequestEndedMessage(approval);
    if (message) await ports.alerts.put(id, { to: 'thread', message, ...deniedNotice(approval) });
  }

  return {
    async handle(event) {
      if (event.kind === 'approval-changed') return showDecision(event.approval);
      if (event.kind === 'wrapper-removed')
        return ports.alerts.put(event.deployId, { to: 'channel', message: wrapperRemovedMessage(event) });
      if (event.kind === 'not-started') {
        const message = deployNotStartedMessage(event.refusal);
        return ports.alerts.put(event.approval.id, { to: 'thread', message });
      }
      const { deploy } = event;
      switch (event.kind) {
        case 'begun': {
          const { channel } = deploy;
          if (channel === undefined) return;
          const posting = begin(deploy, channel).catch((error: unknown) => {
            onError(error, 'the message of a deploy was not posted');
            return undefined;
          });
          shown.set(workOf(deploy), posting);
          return;
        }
        case 'stage':
          void show(deploy, deployingMessage(deploy, event.stage));
          return;
        case 'interrupted':
          await show(deploy, deployInterruptedMessage(event));
          return;
        case 'ended':
          return end(event);
      }
    },
  };
}
