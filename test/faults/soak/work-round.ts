import { buttonOf, type SeenMessage, wholeText } from '../../../sandbox/people.ts';

/** How people use a bot, whatever its clock. */
export interface Office {
  /** Types `/rescan TEXT`. */
  say(text: string, user?: string): Promise<unknown>;
  click(user: string, ts: string, actionId: string): Promise<unknown>;
  /** Waits for a message of this round. */
  sees(what: RegExp): Promise<SeenMessage>;
  /** A request to the local Slack below `/sandbox/`. */
  post(path: string, body: object): Promise<unknown>;
}

/**
 * One round of everything that a bot does: a backup, a run, a new connection of Slack, status, the Home tab, and a request for
 * approval that is approved in every second round and expires in the others.
 */
export async function workRound({ say, click, sees, post }: Office, round: number): Promise<void> {
  await say('backup');
  await sees(/is done and verified/);
  await say('start keep pace=600');
  const plan = await sees(/"plan_start"/);
  await click('operator', plan.ts, buttonOf(plan, /plan_start/));
  await sees(/Rescan r-\d+\S* is complete/);
  await post('disconnect', { reason: 'refresh_requested' });
  await say('status', 'viewer');
  await post('home', { user: 'operator' });
  await say('backups prune keep=2');
  const list = await sees(/"backups_prune"|Nothing to delete/);
  if (!/"backups_prune"/.test(wholeText(list))) return;
  await click('operator', list.ts, buttonOf(list, /backups_prune/));
  const asked = await sees(/"approval_approve"/);
  if (round % 2 !== 0) return;
  await click('approver', asked.ts, buttonOf(asked, /approval_approve/));
  // The list of the next round must not change while somebody reads it.
  await sees(/(?:was|were) deleted/);
}
