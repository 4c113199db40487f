import type { StepControl } from '../../../checklist/contracts/step-control.ts';
import { loggingMessage } from '../../messages/checklist/logging-message.ts';
import { quotaMessage } from '../../messages/checklist/quota-message.ts';
import { sampleMessage } from '../../messages/checklist/sample-message.ts';
import { type Message, say } from '../../messages/kit/message.ts';
import { stepRefusalMessage } from '../../messages/refusals/step-refusals.ts';
import { type Command, type CommandDescription, type Requester, withoutArguments } from '../command.ts';

export interface StepCommandPorts {
  readonly steps: StepControl;
  /** Posts in the channel. */
  readonly announce: (channel: string, message: Message) => Promise<void>;
  readonly sampleImages: number;
}

/** Tests failure logging and posts the result in the channel. */
export async function runLoggingTest(
  requester: Pick<Requester, 'person' | 'channel'>,
  { steps, announce }: Pick<StepCommandPorts, 'steps' | 'announce'>,
): Promise<Message | undefined> {
  const tested = await steps.testLogging(requester.person);
  if (!tested.ok) return stepRefusalMessage(tested.refusal);
  await announce(requester.channel, loggingMessage(tested.value));
  return;
}

export async function runSample(
  requester: Pick<Requester, 'person' | 'channel'>,
  { steps, announce }: Pick<StepCommandPorts, 'steps' | 'announce'>,
): Promise<Message | undefined> {
  const tried = await steps.sample(requester.person);
  if (!tried.ok) return stepRefusalMessage(tried.refusal);
  await announce(requester.channel, sampleMessage(tried.value));
  return;
}

/** Reads the quotas and posts what they allow in the channel. */
export async function runQuotas(
  requester: Pick<Requester, 'person' | 'channel'>,
  { steps, announce }: Pick<StepCommandPorts, 'steps' | 'announce'>,
): Promise<Message | undefined> {
  const read = await steps.quotas(requester.person);
  if (!read.ok) return stepRefusalMessage(read.refusal);
  await announce(requester.channel, quotaMessage(read.value));
  return;
}

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
