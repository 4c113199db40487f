import { GetObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { FaultError } from '../../src/pipeline/fault.ts';
import { claimPipeline, type Pipeline } from '../../src/state/pipeline-claim.ts';
import { openControlTable } from '../../src/state/table/control-table.ts';
import { startDynalite } from '../support/aws/dynalite.ts';
import { startS3 } from '../support/aws/s3.ts';

const DEV: Pipeline = { imageBucket: 'images-dev', ocrFunction: 'ocr-dev', table: 'timesheets-dev' };
const PROD: Pipeline = { imageBucket: 'images-prod', ocrFunction: 'ocr-prod', table: 'timesheets-prod' };

async function rig() {
  const dynamo = await startDynalite();
  onTestFinished(() => dynamo.stop());
  const s3 = await startS3('control');
  onTestFinished(() => s3.stop());
  const open = (tableName: string) => openControlTable({ dynamodb: dynamo.client, tableName, clock: systemClock });
  return {
    s3,
    table: () => open('state'),
    /** Starts as a bot does. Returns the message that people read when it is refused. */
    async start(pipeline: Pipeline, { tableName = 'state', prefix = '', name = '' } = {}): Promise<string> {
      const table = await open(tableName);
      try {
        await claimPipeline({
          table,
          tableName,
          s3: s3.client,
          bucket: 'control',
          prefix,
          pipeline,
          ...(name && { name }),
        });
        return 'started';
      } catch (error) {
        if (!(error instanceof FaultError)) throw error;
        return `${error.fault.message} ${error.fault.fix}`;
      }
    },
  };
}

describe('a control table and its prefix in the control bucket', () => {
  test('belong to the first pipeline that starts on them, which can start again', async () => {
    const { start, s3 } = await rig();
    expect([await start(DEV), await start(DEV)]).toEqual(['started', 'started']);
    const { Body } = await s3.client.send(new GetObjectCommand({ Bucket: 'control', Key: 'pipeline.json' }));
    expect(JSON.parse((await Body?.transformToString()) ?? '')).toEqual({ pipeline: DEV, controlTable: 'state' });
  });

  test.each([
    ['bucket', { ...DEV, imageBucket: PROD.imageBucket }],
    ['function', { ...DEV, ocrFunction: PROD.ocrFunction }],
    ['table', { ...DEV, table: PROD.table }],
  ])('refuse a bot with another %s and name both pipelines', async (_what, pipeline) => {
    const { start } = await rig();
    await start(DEV);
    const said = await start(pipeline);
    expect(said).toContain(
      'The control table state belongs to another pipeline: the bucket images-dev, the function ocr-dev',
    );
    expect(said).toContain(pipeline.imageBucket);
    expect(said).toContain(pipeline.ocrFunction);
    expect(said).toContain(pipeline.table);
    expect(said).toContain('CONTROL_TABLE');
    expect(await start(DEV)).toBe('started');
  });

  test('go to only one of two bots that start at once', async () => {
    const { start } = await rig();
    const said = await Promise.all([start(DEV), start(PROD)]);
    expect(said.filter((line) => line === 'started')).toHaveLength(1);
  });

  test('cannot be shared in part, because another control table would overwrite the files under the prefix', async () => {
    const { start } = await rig();
    await start(DEV);
    expect(await start(PROD, { tableName: 'other' })).toContain(
      's3://control/ is used by the bot with the control table state, for the bucket images-dev',
    );
    expect(await start(DEV, { tableName: 'third' })).toContain('Give this bot a CONTROL_PREFIX of its own');
    expect(await start(PROD, { tableName: 'fourth', prefix: 'prod/' })).toBe('started');
  });

  test('refuse every bot when the claim in the bucket cannot be read', async () => {
    const { start, s3 } = await rig();
    await s3.put('control', 'pipeline.json', '{"pipeline":');
    expect(await start(DEV)).toContain('by another bot (pipeline.json there cannot be read)');
  });
});

describe('pipelines of one file', () => {
  const dev = { name: 'dev', prefix: 'dev/' };
  const prod = { name: 'prod', prefix: 'prod/' };

  test('do not share a control table, also when they start at once: the second one is refused with the names of both', async () => {
    const { start } = await rig();
    const said = await Promise.all([start(DEV, dev), start(PROD, prod)]);
    expect(said.filter((line) => line === 'started')).toHaveLength(1);
    const [owner, refused] = said[0] === 'started' ? ['dev', 'prod'] : ['prod', 'dev'];
    expect(said.find((line) => line !== 'started')).toContain(
      `The control table state belongs to another pipeline: ${owner}, with the bucket images-${owner}, the function ocr-${owner} and the table timesheets-${owner}. This bot is set to ${refused}, with the bucket images-${refused}`,
    );
    const again = [await start(PROD, prod), await start(DEV, dev)];
    expect(again.filter((line) => line === 'started')).toHaveLength(1);
    expect(await start(PROD, { ...prod, tableName: 'other', prefix: 'other/' })).toBe('started');
  });

  test('are refused in a second bot on the control table as well', async () => {
    const { start } = await rig();
    expect(await start(DEV)).toBe('started');
    const said = await start(PROD, prod);
    expect(said).toContain('belongs to another pipeline: the bucket images-dev');
    expect(said).toContain('delete the item with pk "pipeline" and sk "pipeline" from state');
  });

  test('find what a bot with one pipeline left, also under a new name, and that bot can still start', async () => {
    const { start } = await rig();
    expect(await start(DEV, { prefix: 'dev/' })).toBe('started');
    expect([await start(DEV, dev), await start(DEV, { ...dev, name: 'test' })]).toEqual(['started', 'started']);
    expect(await start(PROD, prod)).toContain('belongs to another pipeline: test, with the bucket images-dev');
    expect(await start(DEV, { prefix: 'dev/' })).toBe('started');
  });

  test('start in several copies at once', async () => {
    const { start } = await rig();
    await start(DEV, dev);
    expect(await Promise.all([start(DEV, dev), start(DEV, dev), start(DEV, dev)])).toEqual(Array(3).fill('started'));
  });

  test('that an earlier version let share a table are refused until the claim of the other one is deleted', async () => {
    const { start, table } = await rig();
    await start(DEV, dev);
    const claim = { pk: 'pipeline', sk: 'pipeline#ocr-prod' };
    await (await table()).create(claim, { ...PROD, name: 'prod' });
    expect(await start(DEV, dev)).toContain('sk "pipeline#ocr-prod" from state');
    expect(await start(PROD, prod)).toContain('sk "pipeline" from state');
    await (await table()).remove(claim);
    expect(await start(DEV, dev)).toBe('started');
  });

  test('keep their resources: another function under the same name is refused', async () => {
    const { start } = await rig();
    await start(DEV, dev);
    expect(await start({ ...DEV, ocrFunction: 'renamed' }, dev)).toContain('sk "pipeline" from state');
  });

  test('do not share a prefix of the control bucket', async () => {
    const { start } = await rig();
    await start(DEV, dev);
    expect(await start(PROD, { ...prod, tableName: 'other', prefix: 'dev/' })).toContain(
      's3://control/dev/ is used by the bot with the control table state',
    );
  });
});
