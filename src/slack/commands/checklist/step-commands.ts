import type { StepControl, StepRefusal } from '../../../checklist/contracts/step-control.ts';
import type { Result } from '../../../lib/result.ts';
import { loggingMessage } from '../../messages/checklist/logging-message.ts';
import { quotaMessage } from '../../messages/checklist/quota-message.ts';
import { sampleMessage } from '../../messages/checklist/sample-message.ts';
import { type Message, say } from '../../messages/kit/message.ts';
import { stepRefusalMessage } from '../../messages/refusals/step-refusals.ts';
import type { Answers } from '../../requests/answers.ts';
import { type Command, type CommandDescription, type Requester, withoutArguments } from '../command.ts';

export interface StepCommandPorts {
  readonly steps: StepControl;
  readonly answers: Pick<Answers, 'offer'>;
  readonly sampleImages: number;
}

type StepPorts = Pick<StepCommandPorts, 'steps' | 'answers'>;
type Where = Pick<Requester, 'person' | 'channel'>;

/** The answer to the requester: the result of a step, which can be shared, or why it was refused. */
async function answerWith<T>(
  result: Result<T, StepRefusal>,
  messageOf: (value: T) => Message,
  { channel }: Where,
  { answers }: StepPorts,
): Promise<Message> {
  return result.ok ? answers.offer(channel, messageOf(result.value)) : stepRefusalMessage(result.refusal);
}

export const runLoggingTest = async (requester: Where, ports: StepPorts) =>
  answerWith(await ports.steps.testLogging(requester.person), loggingMessage, requester, ports);

export const runSample = async (requester: Where, ports: StepPorts) =>
  answerWith(await ports.steps.sample(requester.person), sampleMessage, requester, ports);

export const runQuotas = async (requester: Where, ports: StepPorts) =>
  answerWith(await ports.steps.quotas(requester.person), quotaMessage, requester, ports);

export const quotasDescription: CommandDescription = {
  word: 'quotas',
  group: 'prepare',
  role: 'operator',
  summary: 'show the limits of Bedrock, Lambda, Textract and the table, and the pace that they allow',
  usage: 'quotas',
  example: 'quotas',
};

export const quotasCommand = (ports: StepCommandPorts): Command => ({
  ...quotasDescription,
  read: withoutArguments('quotas', {
    immediateReply: say('Reading the quotas…'),
    execute: (requester) => runQuotas(requester, ports),
  }),
});

export const testLoggingDescription: CommandDescription = {
  word: 'test-logging',
  group: 'prepare',
  role: 'operator',
  summary: 'test failure logging: invoke the function for an image that does not exist and look for the record',
  usage: 'test-logging',
  example: 'test-logging',
};

export const testLoggingCommand = (ports: StepCommandPorts): Command => ({
  ...testLoggingDescription,
  read: withoutArguments('test-logging', {
    immediateReply: say(
      'Invoking the function with an image that does not exist; then its record is looked for, up to 15 s.',
    ),
    execute: (requester) => runLoggingTest(requester, ports),
  }),
});

export const sampleDescription: CommandDescription = {
  word: 'sample',
  group: 'prepare',
  role: 'operator',
  summary: 'invoke the function for a few images, to see that it works before anything is deleted',
  usage: 'sample',
  example: 'sample',
};

export const sampleCommand = (ports: StepCommandPorts): Command => ({
  ...sampleDescription,
  read: withoutArguments('sample', {
    immediateReply: say(`Invoking the function for ${ports.sampleImages} random images of the bucket…`),
    execute: (requester) => runSample(requester, ports),
  }),
});
