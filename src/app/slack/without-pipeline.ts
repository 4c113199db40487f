import type { Clock, Random } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import { succeed } from '../../lib/result.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { ProcessSettings } from '../../settings.ts';
import { createChat, withRateLimitRetries } from '../../slack/client/chat.ts';
import { createClients } from '../../slack/client/clients.ts';
import { createLookups } from '../../slack/client/lookups.ts';
import { withPipelineName } from '../../slack/client/named.ts';
import { createHomePublisher } from '../../slack/client/view-client.ts';
import type { Command } from '../../slack/commands/command.ts';
import { haltDescription, stopDescription } from '../../slack/commands/run/control-commands.ts';
import { useCommand } from '../../slack/commands/use-command.ts';
import { createClosedIntake } from '../../slack/intake/closed-intake.ts';
import { createDeduplicator } from '../../slack/intake/deduplicate.ts';
import { createErrorReporter } from '../../slack/intake/error-reporter.ts';
import { createPeople } from '../../slack/intake/people.ts';
import type { Permission } from '../../slack/intake/permissions.ts';
import type { RequestTarget } from '../../slack/intake/route.ts';
import { ACTION } from '../../slack/messages/kit/buttons.ts';
import { noPipelineMessage, unavailableMessage } from '../../slack/messages/pipelines/choose-messages.ts';
import { permissionRefusalMessage } from '../../slack/messages/refusals/refusals.ts';
import { haltUnreadMessage } from '../../slack/messages/run/answers.ts';
import type { PipelineChoice } from '../../slack/requests/choose-pipeline.ts';
import type { StoredStop, StoredStops } from '../../state/stops/stored-stops.ts';

/** What the process itself says in Slack: about channels without a pipeline, and pipelines that could not be started. */
export function assembleWithoutPipeline(ports: {
  readonly settings: ProcessSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}) {
  const { settings, clock, random } = ports;
  const logger = ports.logger.child({ component: 'slack' });
  const clients = createClients(settings, logger);
  const chat = withRateLimitRetries(createChat(clients.answers), clock);
  const lookups = createLookups(clients.lookups);
  const common = { deduplicator: createDeduplicator(clock), reportError: createErrorReporter(logger, random) };
  const suggest = async () => [];

  return {
    chat,
    publishHome: createHomePublisher(clients.home),
    lookups,
    people: createPeople({ ...lookups, clock }),
    /** Answers in a channel that belongs to no pipeline. */
    nowhere: (choice: PipelineChoice): RequestTarget => {
      const use = useCommand(choice);
      const commands = new Map([[use.word, use]]);
      const intake = createClosedIntake({ ...common, commands, answer: noPipelineMessage });
      return { intake, suggest, chat, homeChannel: '' };
    },
    /** Answers for a pipeline that could not be started. A stop is stored for whatever another process drives. */
    unavailable(about: {
      readonly name: string;
      readonly homeChannel: string;
      readonly stopFile: string;
      readonly storedStops: StoredStops;
      readonly mayStop: (person: string) => Promise<Permission>;
      readonly failure: () => { readonly fault?: Fault; readonly retryAt: number };
    }): RequestTarget {
      const { name, stopFile } = about;
      const why = () => unavailableMessage(name, about.failure().fault, about.failure().retryAt);
      const halt = async (request: StoredStop['request'], person: string) => {
        const permission = await about.mayStop(person);
        if (!permission.ok) return permissionRefusalMessage(permission.refusal);
        const stored = await about.storedStops.put({ request, by: person, at: clock.now() });
        logger.info(
          { person, pipeline: name, request, stored },
          'a stop or pause was requested while the pipeline is not started',
        );
        const { fault = UNKNOWN_FAULT } = about.failure();
        return haltUnreadMessage({ reason: 'halt-unread', request, fault, stopFile, ...(stored ? { stored } : {}) });
      };
      const stop = (description: typeof stopDescription): Command => ({
        ...description,
        read: () => succeed({ execute: ({ person }) => halt('stop', person) }),
      });
      const buttons = new Map(
        Object.entries(HALTING_BUTTONS).map(([id, request]) => [id, (person: string) => halt(request, person)]),
      );
      const commands = new Map([stopDescription, haltDescription].map((one) => [one.word, stop(one)]));
      const intake = createClosedIntake({ ...common, commands, buttons, answer: why });
      return { name, intake, suggest, chat: withPipelineName(chat, name), homeChannel: about.homeChannel };
    },
  };
}
export type WithoutPipeline = ReturnType<typeof assembleWithoutPipeline>;

/** What each button stores for whatever another process drives: nothing can be read, so it cannot be for one run only. */
const HALTING_BUTTONS: Readonly<Record<string, StoredStop['request']>> = {
  [ACTION.stop]: 'stop',
  [ACTION.stopNow]: 'stop-now',
  [ACTION.stopAsked]: 'stop',
  [ACTION.stopJob]: 'stop',
  [ACTION.autopilotStop]: 'stop',
  [ACTION.pause]: 'pause',
};

const UNKNOWN_FAULT: Fault = {
  reason: 'configuration',
  message: 'the pipeline could not be started by an unexpected error',
  fix: 'Check the log of the bot for the cause.',
};
