import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { createApprovalStore } from '../../../src/approvals/approval-store.ts';
import { actionOf } from '../../../src/checklist/contracts/table-action.ts';
import { createJobRecord } from '../../../src/checklist/table-jobs/job-record.ts';
import {
  aws,
  backup,
  clients,
  freshForEachTest,
  inTable,
  put,
  request,
  skipPast,
  startSteps,
  value,
  yes,
} from './table-steps-rig.ts';

freshForEachTest();

describe('approvals on a real table', () => {
  test('An approved flush is carried out once, and the table is empty', async () => {
    const bot = await startSteps();
    await backup(bot);
    const approval = await request(bot);
    const clicks = await Promise.all([1, 2, 3].map(() => bot.steps.click(approval.id, yes)));
    expect(clicks.filter((click) => click.ok)).toHaveLength(1);
    expect((await bot.listensTo('finished')).result).toMatchObject({ kind: 'flush', newRows: 0 });
    expect(await inTable()).toBe(0);
    expect(await bot.steps.click(approval.id, yes)).toMatchObject({
      refusal: { reason: 'click', refusal: { reason: 'decided' } },
    });
  });

  test.each([
    { died: 'after the request itself', missing: ['open#', 'message#'] },
    { died: 'after its first listing', missing: ['message#'] },
  ])('A request whose process died $died is listed once its message is posted', async ({ missing }) => {
    const bot = await startSteps();
    await backup(bot);
    const plan = value(await bot.steps.planFlush({ failedOnly: false }));
    const { id } = value(await bot.steps.request({ action: plan.action, by: 'U1', channel: 'C01' }));
    const pk = 'approvals#TimesheetOCR-ocr-dev';
    for (const part of missing) await bot.table.remove({ pk, sk: `${part}${id}` });
    await bot.steps.setMessage(id, '1.1');
    const listed = (await Array.fromAsync(bot.table.list(pk))).map(({ sk }) => sk);
    expect(listed.sort()).toEqual([`message#${id}`, `open#${id}`]);
    expect((await bot.steps.openApprovals()).map((open) => open.id)).toEqual([id]);
  });

  test('A backup that was altered after the request is found before anything is deleted, and the object is named', async () => {
    const bot = await startSteps();
    const record = await backup(bot);
    const approval = await request(bot);
    const before = await inTable();
    const Key = record.files[0]?.key ?? '';
    const found = await clients.s3.send(new GetObjectCommand({ Bucket: 'rescan-bot-control', Key }));
    const bytes = Buffer.from((await found.Body?.transformToByteArray()) ?? []);
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    await clients.s3.send(new PutObjectCommand({ Bucket: 'rescan-bot-control', Key, Body: bytes }));
    await bot.steps.click(approval.id, yes);
    expect((await bot.listensTo('failed')).refusal).toMatchObject({
      reason: 'backup-damaged',
      object: expect.stringContaining(Key),
    });
    expect(await inTable()).toBe(before);
  });

  test('An approval is void when its backup is gone', async () => {
    const bot = await startSteps();
    const record = await backup(bot);
    const approval = await request(bot);
    const Key = `backups/AWSDynamoDB/${record.id}/rescan-backup.json`;
    await clients.s3.send(new DeleteObjectCommand({ Bucket: 'rescan-bot-control', Key }));
    expect(value(await bot.steps.click(approval.id, yes)).refused).toMatchObject({ reason: 'backup-not-found' });
    expect((await bot.steps.approval(approval.id))?.state.kind).toBe('void');
  });

  test('An approval is void when a record was added after the request, and tells what changed', async () => {
    const bot = await startSteps();
    await backup(bot);
    const approval = await request(bot);
    await put('Zed');
    const { refused } = value(await bot.steps.click(approval.id, yes));
    expect(refused).toMatchObject({
      reason: 'use',
      // The new record names no image either.
      refusal: {
        reason: 'changed',
        changed: [{ name: 'records counted' }, { name: 'records that the rescan cannot rebuild' }],
      },
    });
  });

  test('An approval that is withdrawn while its facts are gathered is not carried out', async () => {
    const bot = await startSteps({ LEASE_SECONDS: '10' });
    await backup(bot);
    for (const takeBack of [
      (id: string) => bot.steps.withdraw(id, 'U9'),
      async () => (await bot.steps.withdrawApproved('U9')).length === 1,
    ]) {
      const approval = await request(bot);
      aws.turn({ addedLatencyMs: 60 });
      const clicked = bot.steps.click(approval.id, yes);
      while ((await bot.steps.approval(approval.id))?.state.kind === 'pending');
      expect(await takeBack(approval.id)).toBe(true);
      aws.turn({ addedLatencyMs: 0 });
      expect(value(await clicked).refused).toMatchObject({
        reason: 'use',
        refusal: { reason: 'wrong-state', state: { kind: 'withdrawn', by: 'U9' } },
      });
      expect(await bot.steps.current()).toBeUndefined();
    }
    expect(bot.events.filter(({ kind }) => kind === 'started')).toEqual([]);
  });

  test('An approval whose job was claimed by a process that died before it used the approval is void', async () => {
    const bot = await startSteps();
    await backup(bot);
    const before = await inTable();
    const approval = await request(bot);
    const approved = { kind: 'approved', by: 'U2', at: Date.now() } as const;
    await createApprovalStore(bot.table, 'TimesheetOCR-ocr-dev').move(approval.id, 'pending', approved);
    await createJobRecord(bot.table, 'TimesheetOCR-ocr-dev').claim({
      id: approval.id,
      work: actionOf(approval),
      by: 'U1',
      location: { channel: 'C01' },
      startedAt: Date.now(),
    });
    bot.steps.standBy();
    expect((await bot.listensTo('approval-changed')).approval.state.kind).toBe('void');
    while (await bot.steps.current()) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await inTable()).toBe(before);
  });

  test('A request whose checklist was closed is withdrawn, and that is reported', async () => {
    const bot = await startSteps();
    await backup(bot);
    const approval = await request(bot);
    expect(await bot.checklist.close('U9')).toMatchObject({ ok: true, value: { withdrew: true } });
    expect((await bot.listensTo('approval-changed')).approval.state).toMatchObject({ kind: 'withdrawn', by: 'U9' });
    expect(await bot.steps.click(approval.id, yes)).toMatchObject({
      refusal: { reason: 'click', refusal: { reason: 'decided', state: { kind: 'withdrawn' } } },
    });
  });

  test('An approval covers the overrides that it was given on and no others', async () => {
    const bot = await startSteps({ SAMPLE_IMAGES: '3' });
    await backup(bot);
    expect(await bot.checklist.override('sample', 'U2', 'no image came today')).toMatchObject({ ok: true });
    const approval = await request(bot);
    expect(approval.fingerprint).toContainEqual({
      name: 'overridden: sample',
      value: 'U2 because no image came today',
    });
    await bot.checklist.override('sample', 'U3', 'another reason');
    expect(value(await bot.steps.click(approval.id, yes)).refused).toMatchObject({
      reason: 'use',
      refusal: { reason: 'changed', changed: [{ name: 'overridden: sample' }] },
    });
  });

  test('The audit has the request, the approval, the start and the result of a flush', async () => {
    const bot = await startSteps();
    await backup(bot);
    const approval = await request(bot);
    await bot.steps.click(approval.id, yes);
    await bot.listensTo('finished');
    await bot.audit.close(5_000);
    const outcomes: string[] = [];
    for await (const { who, what, outcome } of bot.audit.entries())
      if (what.includes(approval.id)) outcomes.push(`${who}: ${what}: ${outcome.replace(/ \d{14}-[0-9a-f]{8}/, '')}`);
    expect(outcomes).toEqual([
      `U1: approval ${approval.id} of a flush: asked: with backup, every record`,
      `U2: approval ${approval.id} of a flush: approved`,
      `U2: flush ${approval.id}: approved: it starts now, with backup, every record`,
      `U1: flush ${approval.id}: begun: approved by U2`,
      expect.stringMatching(/^U1: flush .* records deleted, 0 left$/),
    ]);
    expect(await bot.audit.verify()).toMatchObject({ ok: true, anchors: expect.any(Number) });
  });

  test('A request expires by itself, and that is reported', async () => {
    const bot = await startSteps();
    await backup(bot);
    const approval = await request(bot);
    bot.steps.standBy();
    skipPast(approval.expiresAt);
    const changed = await bot.listensTo('approval-changed');
    expect(changed.approval).toMatchObject({ id: approval.id, state: { kind: 'expired' } });
  });

  test('An open request keeps its backup from being pruned', async () => {
    const bot = await startSteps();
    const first = await backup(bot);
    await request(bot);
    await backup(bot);
    await backup(bot);
    const plan = value(await bot.steps.planPrune(1));
    expect(plan.spared).toMatchObject([{ record: { id: first.id }, because: 'in-use' }]);
    expect(plan.action?.backups.map(({ id }) => id)).not.toContain(first.id);
  });
});
