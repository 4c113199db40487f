import validate from 'asl-validator';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chooseChildType } from '../../../../src/run/engines/step-functions/child-type.ts';
import { definitionDigest, stateMachineDefinition } from '../../../../src/run/engines/step-functions/definition.ts';
import { type Answer, crash, imageAt, startChildRig } from './child-rig.ts';

type Rig = Awaited<ReturnType<typeof startChildRig>>;
let rig: Rig;
beforeAll(async () => {
  rig = await startChildRig();
});
afterAll(() => rig.stop());

const ok = (content: object): Answer => ({
  payload: { statusCode: 200, body: JSON.stringify(content) },
  requestId: 'request-1',
});
const PROCESSED = ok({ entries_stored: 3 });
const failure = (error: string): Answer => ({
  payload: { statusCode: 500, body: JSON.stringify({ error, error_type: 'ClientError' }) },
  requestId: 'request-1',
});

let next = 0;
/** An image that no test before has processed. */
const anImage = () => imageAt(next++);
const entryOf = async ({ s }: { readonly s: string }) => (await rig.entries()).find(({ sk }) => sk === s);
const invocationsOf = ({ k }: { readonly k: string }) => rig.invoked.filter((key) => key === k).length;

const PARTITIONS = ['aws', 'aws-cn', 'aws-us-gov'];
test.each(PARTITIONS.flatMap((partition) => [['STANDARD', partition] as const, ['EXPRESS', partition] as const]))(
  'The definition with %s children in the partition %s passes the validator',
  (childType, partition) => {
    const definition = structuredClone(stateMachineDefinition(childType, partition));
    const arns = [...JSON.stringify(definition).matchAll(/"arn:([\w-]+):/g)].map(([, named]) => named);
    expect(new Set(arns)).toEqual(new Set([partition]));
    expect(validate(definition).errors).toEqual([]);
    const broken = JSON.parse(JSON.stringify(definition).replace('"Next":"Judge"', '"Next":"Nowhere"'));
    expect(validate(broken).isValid).toBe(false);
  },
);

test('The digest of the definition changes with the type of the children', () => {
  const digest = (childType: 'STANDARD' | 'EXPRESS') =>
    definitionDigest(JSON.stringify(stateMachineDefinition(childType)));
  expect(digest('STANDARD')).toBe(digest('STANDARD'));
  expect(digest('STANDARD')).not.toBe(digest('EXPRESS'));
});

test.each([
  [3, 'EXPRESS'],
  [60, 'EXPRESS'],
  [67, 'EXPRESS'],
  [68, 'STANDARD'],
  [120, 'STANDARD'],
  [900, 'STANDARD'],
])('A function with a timeout of %i seconds gets %s children', (seconds, childType) => {
  expect(chooseChildType(seconds * 1000)).toBe(childType);
});

describe('A child', () => {
  test('writes the reply of a processed image with its times, its request id and its writer', async () => {
    const image = anImage();
    await rig.run([image], [PROCESSED]);
    const entry = await entryOf(image);
    expect(entry).toMatchObject({ writer: 'sfn#r-0001-1', key: image.k, kind: 'body', throttles: 0, retries: 0 });
    expect(entry).toMatchObject({ requestId: 'request-1', status: '200', text: '{"entries_stored":3}' });
    expect(Date.parse(entry?.startedAt)).toBeLessThanOrEqual(Date.parse(entry?.endedAt));
  });

  test('does not invoke for an image that has its outcome', async () => {
    const image = anImage();
    await rig.run([image], [failure('unreadable'), PROCESSED]).catch(() => {});
    await rig.run([image], [PROCESSED]);
    expect(invocationsOf(image)).toBe(1);
  });

  test('fails when no image of its row succeeded, and not when one did', async () => {
    await expect(rig.run([anImage(), anImage()], [failure('a'), failure('b')])).rejects.toThrow(/No image of this row/);
    await expect(rig.run([anImage(), anImage()], [failure('a'), PROCESSED])).resolves.toBeDefined();
    await expect(rig.run([anImage()], [ok({ rejected: true, reason: 'Draft' })])).resolves.toBeDefined();
  });

  test('repeats a throttled image after a wait, counts the throttled attempts, and gives up at the limit', async () => {
    const [throttledOnce, throttledAlways] = [anImage(), anImage()];
    await rig.run([throttledOnce], [failure('An error occurred (ThrottlingException): Rate exceeded'), PROCESSED]);
    expect(await entryOf(throttledOnce)).toMatchObject({ throttles: 1, kind: 'body' });
    await rig.run([throttledAlways], [failure('Too many requests')]).catch(() => {});
    expect(await entryOf(throttledAlways)).toMatchObject({ throttles: 2 });
    expect(invocationsOf(throttledAlways)).toBe(3);
  });

  test('repeats by Retry while Lambda itself throttles', async () => {
    const image = anImage();
    const refused = {
      error: 'Lambda.TooManyRequestsException',
      cause: 'Rate Exceeded. (Service: AWSLambda; Status Code: 429)',
    };
    await rig.run([image], [refused, refused, PROCESSED]);
    expect(await entryOf(image)).toMatchObject({ throttles: 0, retries: 2, kind: 'body' });
  });

  test.each(['missing', 'there'])('asks S3 where a reply says that the object is missing: %s', async (kind) => {
    const image = anImage();
    const reply = failure('An error occurred (NoSuchKey) when calling the GetObject operation');
    await rig.run([image], [reply], kind === 'missing').catch(() => {});
    expect((await entryOf(image))?.missing).toBe(kind === 'missing' ? true : undefined);
  });

  test('writes the error of a function that crashed', async () => {
    const image = anImage();
    await rig.run([image], [crash({ errorType: 'Runtime.ExitError', errorMessage: 'signal: killed' })]).catch(() => {});
    const entry = await entryOf(image);
    expect(entry).toMatchObject({ kind: 'error' });
    expect(entry).toMatchObject({ error: 'Runtime.ExitError' });
    expect(JSON.parse(entry?.text)).toMatchObject({ errorMessage: 'signal: killed' });
  });
});

describe('The gate', () => {
  test.each([
    [{ stateKind: 'paused' }],
    [{ stop: true }],
    [{ stop: 'now' }],
    [{ stop: 1 }],
    [{ pause: { by: 'U1' } }],
    [{ machineFault: { error: 'x', cause: '' } }],
    [{ execution: 'r-0001-2' }],
  ])('keeps an image from being invoked when the record says %o, and a later attempt passes', async (record) => {
    const image = anImage();
    await rig.setRecord(record);
    await expect(rig.run([image], [PROCESSED])).rejects.toThrow(/condition/i);
    expect(invocationsOf(image)).toBe(0);
    await rig.setRecord({});
    await rig.run([image], [PROCESSED]);
    expect(await entryOf(image)).toBeDefined();
  });

  test.each([[{ stop: false }], [{ stop: '' }], [{ stop: 'false' }], [{ stop: 0 }], [{ stop: null }]])(
    'lets an image pass when the record says %o',
    async (record) => {
      const image = anImage();
      await rig.setRecord(record);
      await rig.run([image], [PROCESSED]);
      await rig.setRecord({});
      expect(await entryOf(image)).toBeDefined();
    },
  );

  test('lets an image wait as long as the record says, and invokes it once', async () => {
    const image = anImage();
    await rig.setRecord({ waitSeconds: 5 });
    await rig.run([image], [PROCESSED]);
    await rig.setRecord({});
    expect(invocationsOf(image)).toBe(1);
    expect(rig.waits.at(-1)).toBe(5);
  });

  test('does not wait, and reads the record once, where no wait is needed to hold the pace', async () => {
    const image = anImage();
    await rig.setRecord({ waitSeconds: 0 });
    const { length } = rig.waits;
    await rig.run([image], [PROCESSED]);
    await rig.setRecord({});
    expect(invocationsOf(image)).toBe(1);
    expect(rig.waits).toHaveLength(length);
  });

  test('closes for all when Lambda says that the function is missing, without an outcome of the image', async () => {
    const [image, another] = [anImage(), anImage()];
    const gone = {
      error: 'Lambda.ResourceNotFoundException',
      cause: 'Function not found (Service: AWSLambda; Status Code: 404)',
    };
    await expect(rig.run([image], [gone])).rejects.toThrow(/condition/i);
    await expect(rig.run([another], [PROCESSED])).rejects.toThrow(/condition/i);
    expect(await entryOf(image)).toBeUndefined();
    expect(invocationsOf(another)).toBe(0);
    expect(await rig.record()).toMatchObject({ machineFault: { error: gone.error, cause: gone.cause } });
    await rig.setRecord({});
  });
});
