import type { StepControl } from '../../checklist/contracts/step-control.ts';
import { loggingMessage } from '../messages/checklist/logging-message.ts';
import { quotaMessage } from '../messages/checklist/quota-message.ts';
import { sampleMessage } from '../messages/checklist/sample-message.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { stepRefusalMessage } from '../messages/refusals/step-refusals.ts';
import { type Asker, type Command, withoutArguments } from './command.ts';

export interface StepCommandPorts {
  readonly steps: StepControl;
  /** Shows what concerns everyone in the channel. */
  readonly announce: (channel: string, message: Message) => Promise<void>;
  readonly sampleImages: number;
}

/** Tests the failure logging and shows the channel what it found. */
export async function runLoggingTest(
  asker: Pick<Asker, 'person' | 'channel'>,
  { steps, announce }: Pick<StepCommandPorts, 'steps' | 'announce'>,
): Promise<Message | undefined> {
  const tested = await steps.testLogging(asker.person);
  if (!tested.ok) return stepRefusalMessage(tested.refusal);
  await announce(asker.channel, loggingMessage(tested.value));
  return;
}

export async function runSample(
  asker: Pick<Asker, 'person' | 'channel'>,
  { steps, announce }: Pick<StepCommandPorts, 'steps' | 'announce'>,
): Promise<Message | undefined> {
  const tried = await steps.sample(asker.person);
  if (!tried.ok) return stepRefusalMessage(tried.refusal);
  await announce(asker.channel, sampleMessage(tried.value));
  return;
}

/** Reads the quotas and shows the channel what they allow. */
export async function runQuotas(
  asker: Pick<Asker, 'person' | 'channel'>,
  { steps, announce }: Pick<StepCommandPorts, 'steps' | 'announce'>,
): Promise<Message | undefined> {
  const read = await steps.quotas(asker.person);
  if (!read.ok) return stepRefusalMessage(read.refusal);
  await announce(asker.channel, quotaMessage(read.value));
  return;
}

/** `/rescan quotas` */
export const quotasCommand = (ports: StepCommandPorts): Command => ({
  word: 'quotas',
  role: 'operator',
  usage: 'quotas',
  help: 'what Bedrock, Lambda, Textract and the table allow, and the pace that follows',
  read: withoutArguments('quotas', { atOnce: say('Reading the quotas…'), act: (asker) => runQuotas(asker, ports) }),
});

/** `/rescan test-logging` */
export const testLoggingCommand = (ports: StepCommandPorts): Command => ({
  word: 'test-logging',
  role: 'operator',
  usage: 'test-logging',
  help: 'invoke the function with an image that does not exist, and look for the record of that failure',
  read: withoutArguments('test-logging', {
    atOnce: say('Invoking the function with an image that does not exist; then its record is looked for, up to 15 s.'),
    act: (asker) => runLoggingTest(asker, ports),
  }),
});

/** `/rescan sample` */
export const sampleCommand = (ports: StepCommandPorts): Command => ({
  word: 'sample',
  role: 'operator',
  usage: 'sample',
  help: 'try a few images of the bucket, so that nothing is deleted before the function is known to work today',
  read: withoutArguments('sample', {
    atOnce: say(`Drawing ${ports.sampleImages} images of the bucket and invoking the function for them…`),
    act: (asker) => runSample(asker, ports),
  }),
});
