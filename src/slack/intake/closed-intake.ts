import type { Command } from '../commands/command.ts';
import { readCommandLine } from '../commands/parse/command-line.ts';
import { refusalView } from '../forms/table-views.ts';
import { type Message, refuseWith } from '../messages/kit/message.ts';
import { unexpectedErrorMessage } from '../messages/refusals/refusals.ts';
import { badLineMessage } from '../messages/run/answers.ts';
import type { Deduplicator } from './deduplicate.ts';
import type { Intake } from './dispatch.ts';
import type { ReportError } from './error-reporter.ts';

/**
 * Answers requests for which there is no pipeline: the channel has none, or the pipeline could not be started. Nothing is
 * carried out except the few commands that need no pipeline. No method throws.
 */
export function createClosedIntake(ports: {
  /** Commands that work all the same, by their word. */
  readonly commands: ReadonlyMap<string, Command>;
  /** Buttons that work all the same, by their action id: the answer to the person. */
  readonly buttons?: ReadonlyMap<string, (person: string) => Promise<Message>>;
  /** The answer to everything else. */
  readonly answer: (channel: string) => Message;
  readonly deduplicator: Deduplicator;
  readonly reportError: ReportError;
}): Intake {
  const { commands, deduplicator } = ports;
  return {
    async command({ text, person, channel, triggerId, deliveryId, reply, acknowledge }) {
      const replyImmediately = async (message: Message) => {
        if (!(await acknowledge(message))) await reply(message);
      };
      if (!deduplicator.isNew(deliveryId)) return void (await acknowledge());
      const { word, rest } = readCommandLine(text, [...commands.keys()]);
      const command = commands.get(word);
      if (!command) return replyImmediately(ports.answer(channel));
      const parsed = command.read(rest);
      if (!parsed.ok) return replyImmediately(badLineMessage(parsed.line, command.usage));
      if (parsed.value.immediateReply) await replyImmediately(parsed.value.immediateReply);
      else await acknowledge();
      try {
        const message = await parsed.value.execute({ person, channel, triggerId, reply });
        if (message) await reply(message);
      } catch (error) {
        await reply(unexpectedErrorMessage(ports.reportError(error, `/rescan ${text.trim()}`)));
      }
    },
    async click({ actionId, person, foreign, deliveryId, message, acknowledge, reply }) {
      await acknowledge();
      if (!deduplicator.isNew(deliveryId)) return;
      // A button of another pipeline does nothing here.
      const press = foreign ? undefined : ports.buttons?.get(actionId);
      if (!press) return reply(ports.answer(message.channel));
      try {
        await reply(await press(person));
      } catch (error) {
        await reply(unexpectedErrorMessage(ports.reportError(error, actionId)));
      }
    },
    async submission({ acknowledge }) {
      const refusal = refuseWith(
        'Nothing was done: the pipeline of this form cannot be reached.',
        'Open the form again.',
      );
      await acknowledge({ view: refusalView('Nothing was done', refusal.text.split('\n')) });
    },
  };
}
