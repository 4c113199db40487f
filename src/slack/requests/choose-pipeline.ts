import type { AuditOutcome } from '../../checklist/audit/audit-outcome.ts';
import type { Clock } from '../../lib/clock.ts';
import { suggestNearest } from '../../lib/nearest.ts';
import { isOpen } from '../../run/model/run.ts';
import type { ChannelBindings } from '../../state/channel-bindings.ts';
import type { Membership } from '../intake/channel-membership.ts';
import type { Permission } from '../intake/permissions.ts';
import type { Message } from '../messages/kit/message.ts';
import {
  type Belonging,
  belongingMessage,
  chosenMessage,
  chosenNotice,
  onePipelineMessage,
  useRefusalMessage,
} from '../messages/pipelines/choose-messages.ts';
import { permissionRefusalMessage } from '../messages/refusals/refusals.ts';
import type { PipelineState } from './pipeline-state.ts';

/** What `/rescan use` can ask. */
export interface PipelineChoice {
  /** Which pipeline the channel belongs to, and which ones this person could choose for it. */
  show(person: string, channel: string): Promise<Message>;
  /** Chooses a pipeline for the channel. @throws where a control table cannot be read or written */
  use(person: string, channel: string, name: string): Promise<Message>;
}

/** Where there is one pipeline, nothing can be chosen. */
export const withoutChoice = (channels: () => readonly string[]): PipelineChoice => ({
  show: async () => onePipelineMessage(channels()),
  use: async () => onePipelineMessage(channels()),
});

/** A pipeline that could be chosen. */
export interface ChoosablePipeline {
  readonly name: string;
  /** The channels of its settings. */
  readonly listed: readonly string[];
  /** Whether this person is an operator of it. Never throws. */
  readonly mayOperate: (person: string, freshness: 'cached' | 'fresh') => Promise<Permission>;
  /** Absent while the pipeline could not be started. */
  readonly running?: {
    readonly state: () => Promise<PipelineState>;
    readonly membership: (channel: string) => Promise<Membership>;
    readonly audit: (entry: { who: string; what: string; outcome: AuditOutcome }) => void;
    /** Posts in the channel. */
    readonly post: (channel: string, message: Message) => Promise<unknown>;
  };
}

/** What would lose its channel: each by what it is. */
export function busyWith({ run, job, deploy, autopilot, approvals }: PipelineState): readonly string[] {
  return [
    ...(run && isOpen(run.state) ? [`run ${run.runId}`] : []),
    ...(job ? [`the ${job.work.kind} ${job.id}`] : []),
    ...(deploy ? [`the deploy ${deploy.id}`] : []),
    ...(autopilot ? ['the autopilot'] : []),
    ...(approvals.length > 0
      ? [`${approvals.length} open ${approvals.length === 1 ? 'request' : 'requests'} for approval`]
      : []),
  ];
}

/**
 * The choice among several pipelines. Only an operator of a pipeline chooses it, in a channel where the bot can post, that no
 * other pipeline lists, and while nothing of the pipeline that the channel has now is open.
 */
export function createPipelineChoice(ports: {
  readonly pipelines: () => readonly ChoosablePipeline[];
  readonly bindings: ChannelBindings;
  readonly clock: Pick<Clock, 'now'>;
  readonly onError: (error: unknown, message: string) => void;
}): PipelineChoice {
  const { bindings, clock, onError } = ports;

  function belongingOf(channel: string): Belonging {
    const listing = ports.pipelines().find(({ listed }) => listed.includes(channel));
    if (listing) return { kind: 'listed', pipeline: listing.name };
    const bound = bindings.of(channel);
    if (!bound) return { kind: 'none' };
    if (bound.kind === 'contradictory') return bound;
    const { pipeline, by, at } = bound.binding;
    // A pipeline that is no longer in the file has no channels.
    return ports.pipelines().some(({ name }) => name === pipeline)
      ? { kind: 'chosen', pipeline, by, at }
      : { kind: 'none' };
  }

  /** Why the channel cannot leave its present pipeline; undefined where it can. */
  async function holdOf(present: ChoosablePipeline): Promise<Message | undefined> {
    const { name: pipeline, running } = present;
    if (!running) return useRefusalMessage({ reason: 'unread', pipeline });
    try {
      const found = busyWith(await running.state());
      return found.length === 0 ? undefined : useRefusalMessage({ reason: 'busy', pipeline, with: found });
    } catch (error) {
      onError(error, `What the pipeline ${pipeline} does cannot be read.`);
      return useRefusalMessage({ reason: 'unread', pipeline });
    }
  }

  return {
    async show(person, channel) {
      await bindings.refresh(channel);
      const all = ports.pipelines();
      const allowed = await Promise.all(
        all.map(async ({ name, mayOperate }) => ((await mayOperate(person, 'cached')).ok ? [name] : [])),
      );
      return belongingMessage(belongingOf(channel), { all: all.map(({ name }) => name), allowed: allowed.flat() });
    },
    async use(person, channel, typed) {
      const all = ports.pipelines();
      const names = all.map(({ name }) => name);
      const target = all.find(({ name }) => name === typed);
      if (!target) {
        const nearest = suggestNearest(typed, names);
        return useRefusalMessage({ reason: 'unknown', typed, nearest, names });
      }
      const { name: pipeline, running } = target;
      const refuse = (message: Message): Message => {
        const fact = message.text.split('\n')[0] ?? '';
        running?.audit({ who: person, what: `/rescan use ${pipeline} in ${channel}`, outcome: `refused: ${fact}` });
        return message;
      };
      const permission = await target.mayOperate(person, 'fresh');
      if (!permission.ok) return refuse(permissionRefusalMessage(permission.refusal));
      if (!running) return useRefusalMessage({ reason: 'unavailable', pipeline });
      await bindings.refresh(channel);
      const belonging = belongingOf(channel);
      if ('pipeline' in belonging && belonging.pipeline === pipeline)
        return refuse(useRefusalMessage({ reason: 'already', pipeline }));
      if (belonging.kind === 'listed')
        return refuse(useRefusalMessage({ reason: 'listed', pipeline: belonging.pipeline }));
      if ((await running.membership(channel)) !== 'member')
        return refuse(useRefusalMessage({ reason: 'not-in-channel' }));
      const present = belonging.kind === 'chosen' ? all.find(({ name }) => name === belonging.pipeline) : undefined;
      const hold = present && (await holdOf(present));
      if (hold) return refuse(hold);
      const isChosen = await bindings.bind({ channel, pipeline, by: person, at: clock.now() });
      if (!isChosen) return refuse(useRefusalMessage({ reason: 'chosen-at-once' }));
      // Something may have begun in this channel since it was looked at: its messages would lose their channel.
      const lateHold = present && (await holdOf(present));
      if (present && lateHold) {
        await bindings.bind({ channel, pipeline: present.name, by: person, at: clock.now() });
        return refuse(lateHold);
      }
      const what = `the channel ${channel}`;
      running.audit({ who: person, what, outcome: `changed: it belongs to the pipeline ${pipeline} now` });
      present?.running?.audit({ who: person, what, outcome: `changed: it belongs to the pipeline ${pipeline} now` });
      await running
        .post(channel, chosenNotice(pipeline, person))
        .catch((error: unknown) => onError(error, `The choice of a pipeline is not shown in ${channel}.`));
      return chosenMessage(pipeline, present?.name);
    },
  };
}
