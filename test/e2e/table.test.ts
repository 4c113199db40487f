import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buttonOf, type SeenMessage, wholeText } from '../../sandbox/people.ts';
import { type PipelineSandbox, pipeline, startPipeline } from '../support/rigs/pipelines.ts';

let here: PipelineSandbox;
const start = async () => {
  here = await startPipeline({ images: 60, seedTable: 'full', settings: { SAMPLE_IMAGES: '0' } });
};

async function backup(): Promise<SeenMessage> {
  // These tests are about the table: the other preconditions of a flush are overridden.
  await here.people.command('approver', '/rescan override test-logging because it is not what is tried here');
  await here.people.sees(/is skipped in this rescan/);
  await here.people.command('operator', '/rescan backup before the rescan');
  return here.people.sees(/is done and verified/);
}

/** Opens the flush form and submits it with this table name. */
async function askFlush(name: string, user = 'operator') {
  await here.people.command(user, '/rescan flush');
  const viewId = await here.people.openView(user, /to confirm/);
  return here.people.submit(user, viewId, { table_name: name, reason: 'OCR 2.6.1', keep: 'delete' });
}

async function approvalMessage(): Promise<SeenMessage> {
  return here.people.sees(/Approval needed/);
}

describe('backup, flush and restore with a second person', () => {
  beforeEach(start);
  afterEach(() => here.close());

  test('a flush is refused to its requester and approved by another person, and a restore gives the same checksum', async () => {
    const before = await here.inTable();
    const made = await backup();
    const digest = /checksum `([0-9a-f]{12})/.exec(wholeText(made))?.[1];
    expect(digest).toBeDefined();

    await askFlush(pipeline.table);
    const asked = await approvalMessage();
    await here.people.click('operator', asked.ts, buttonOf(asked, /approve/));
    await here.people.sees(/You asked for this, so a second person must approve it/);
    expect(await here.inTable()).toBe(before);

    await here.people.click('approver', asked.ts, buttonOf(asked, /approve/));
    await here.people.sees(/The flush is done: .*It left the table empty/);
    expect(await here.inTable()).toBe(0);
    const decided = (await here.people.messages()).find((message) => message.ts === asked.ts);
    expect(decided && wholeText(decided)).toMatch(/approved by <@U0APPROVER>/);
    expect(decided && wholeText(decided)).not.toMatch(/approval_approve/);

    await here.people.command('operator', '/rescan restore');
    const choose = await here.people.openView('operator', /Type to search/);
    const backupId = /^backup: `([^`]+)`/m.exec(wholeText(asked))?.[1] ?? '';
    await here.people.submit('operator', choose, { backup: backupId, mode: 'replace' });
    const confirm = await here.people.openView('operator', /What it changes/);
    await here.people.submit('operator', confirm, { table_name: pipeline.table });
    const restore = await here.people.sees(/Approval needed: restore/);
    await here.people.click('approver', restore.ts, buttonOf(restore, /approve/));
    await here.people.sees(new RegExp(`its checksum \`${digest}\``));
    expect(await here.inTable()).toBe(before);
  });

  test('of several approvals at once one wins, and the flush runs once', async () => {
    await backup();
    await askFlush(pipeline.table);
    const asked = await approvalMessage();
    const approve = buttonOf(asked, /approve/);
    await Promise.all([1, 2, 3].map(() => here.people.click('approver', asked.ts, approve).catch(() => undefined)));
    await here.people.sees(/The flush is done/);
    const ends = (await here.people.messages()).filter((message) => /^The flush is done/.test(message.text));
    expect(ends).toHaveLength(1);
  });

  test('a record written after the request voids the approval, and the message names the change', async () => {
    await backup();
    await askFlush(pipeline.table);
    const asked = await approvalMessage();
    const before = await here.inTable();
    await here.world.set({ latencyMs: 0 });
    await here.putByHand();
    await here.people.click('approver', asked.ts, buttonOf(asked, /approve/));
    await here.people.sees(/approved, but not started/);
    const shown = (await here.people.messages()).find((message) => message.ts === asked.ts);
    expect(shown && wholeText(shown)).toMatch(/records counted/i);
    expect(await here.inTable()).toBe(before + 1);
  });

  test('a guest and a viewer cannot approve', async () => {
    await backup();
    await askFlush(pipeline.table);
    const asked = await approvalMessage();
    const before = await here.inTable();
    for (const user of ['viewer', 'guest']) await here.people.click(user, asked.ts, buttonOf(asked, /approve/));
    await here.people.sees(/Only approvers can decide this/);
    expect(await here.inTable()).toBe(before);
  });
});

describe('an export of DynamoDB as the backup', () => {
  beforeEach(start);
  afterEach(() => here.close());

  test('is refused with the fix without point-in-time recovery; with it, a flush reads all of it first', async () => {
    await here.people.command('operator', '/rescan backup export');
    await here.people.sees(/Point-in-time recovery of the table is off.*\n?.*Turn it on in the DynamoDB console/);
    await here.turnRecoveryOn();
    await here.people.command('approver', '/rescan override test-logging because it is not what is tried here');
    await here.people.sees(/is skipped in this rescan/);
    await here.people.command('operator', '/rescan backup export');
    const made = wholeText(
      await here.people.sees(/is done and checked by a sample[\s\S]*Not checked: .*the MD5 of the files/),
    );
    const id = /Backup `(b-[0-9a-f]{8})`/.exec(made)?.[1];

    await askFlush(pipeline.table);
    const asked = await approvalMessage();
    expect(wholeText(asked)).toContain(`Backup: \`${id}\``);
    await here.people.click('approver', asked.ts, buttonOf(asked, /approve/));
    await here.people.sees(/The flush is done: .*It left the table empty/);
    await here.people.command('viewer', '/rescan backups');
    await here.people.sees(new RegExp(`${id}.* verified · export of DynamoDB`));
    expect(await here.inTable()).toBe(0);
  });
});

// None of these changes the table, so that they share one sandbox.
describe('what is refused', () => {
  beforeAll(start);
  afterAll(() => here.close());

  let made: Promise<SeenMessage> | undefined;
  const backupOnce = () => {
    made ??= backup();
    return made;
  };

  test('a flush without a verified backup is refused', async () => {
    await here.people.command('operator', '/rescan flush');
    await here.people.openView('operator', /no verified backup/);
  });

  test('a backup that is kept and the last verified backup are never pruned', async () => {
    await backupOnce();
    await here.people.command('operator', '/rescan backups prune keep=1');
    await here.people.sees(/Nothing to delete/);
    await here.people.command('viewer', '/rescan backups');
    await here.people.sees(/1 backup/);
  });

  test('a wrong table name is an error at its field and creates no request', async () => {
    await backupOnce();
    const answer = await askFlush(`${pipeline.table}-2`);
    expect(JSON.stringify(answer)).toContain(`Type exactly ${pipeline.table}`);
    expect((await here.people.messages()).some((message) => /Approval needed/.test(wholeText(message)))).toBe(false);
  });
});
