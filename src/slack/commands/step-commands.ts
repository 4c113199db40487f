import type { StepControl } from '../../checklist/contracts/step-control.ts';
import { loggingMessage } from '../messages/checklist/logging-message.ts';
import { quotaMessage } from '../messages/checklist/quota-message.ts';
import { sampleMessage } from '../messages/checklist/sample-message.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { stepRefusalMessage } from '../messages/refusals/step-refusals.ts';
import { type Command, type Requester, withoutArguments } from './command.ts';

export interface StepCommandPorts {
  readonly steps: StepControl;
  /** Shows what concerns everyone in the channel. */
  readonly announce: (channel: string, message: Message) => Promise<void>;
  readonly sampleImages: number;
}

/** Tests the failure logging and shows the channel what it found. */
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

/** Reads the quotas and shows the channel what they allow. */
export async function runQuotas(
  requester: Pick<Requester, 'person' | 'channel'>,
  { steps, announce }: Pick<StepCommandPorts, 'steps' | 'announce'>,
): Promise<Message | undefined> {
  const read = await steps.quotas(requester.person);
  if (!read.ok) return stepRefusalMessage(read.refusal);
  await announce(requester.channel, quotaMessage(read.value));
  return;
}

/** `/rescan quotas` */
export const quotasCommand = (ports: StepCommandPorts): Command => ({
  word: 'quotas',
  role: 'operator',
  usage: 'quotas',
  help: 'what Bedrock, Lambda, Textract and the table allow, and the pace that follows',
  read: withoutArguments('quotas', {
    immediateReply: say('Reading the quotas…'),
    execute: (requester) => runQuotas(requester, ports),
  }),
});

/** `/rescan test-logging` */
export const testLoggingCommand = (ports: StepCommandPorts): Command => ({
  word: 'test-logging',
  role: 'operator',
  usage: 'test-logging',
  help: 'invoke the function with an image that does not exist, and look for the record of that failure',
  read: withoutArguments('test-logging', {
    immediateReply: say(
      'Invoking the function with an image that does not exist; then its record is looked for, up to 15 s.',
    ),
    execute: (requester) => runLoggingTest(requester, ports),
  }),
});

/** `/rescan sample` */
export const sampleCommand = (ports: StepCommandPorts): Command => ({
  word: 'sample',
  role: 'operator',
  usage: 'sample',
  help: 'try a few images of the bucket, so that nothing is deleted before the function is known to work today',
  read: withoutArguments('sample', {
    immediateReply: say(`Drawing ${ports.sampleImages} images of the bucket and invoking the function for them…`),
    execute: (requester) => runSample(requester, ports),
  }),
});
