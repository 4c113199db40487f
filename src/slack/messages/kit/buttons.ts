import type { Button } from '@slack/types';
import { defined } from '../../../lib/defined.ts';
import { shorten } from './escape.ts';

/** Every action id. The table in actions/ has a handler for each; a test compares the two. */
export const ACTION = {
  start: 'plan_start',
  change: 'plan_change',
  cancel: 'plan_cancel',
  resumeOpen: 'plan_resume_open',
  abandonAndStart: 'plan_abandon_and_start',
  pause: 'run_pause',
  slower: 'run_slower',
  faster: 'run_faster',
  stop: 'run_stop',
  stopNow: 'run_stop_now',
  stopAsked: 'stop_asked',
  resume: 'run_resume',
  status: 'run_status',
  approve: 'approval_approve',
  deny: 'approval_deny',
  denyWithReason: 'approval_deny_with_reason',
  stopJob: 'job_stop',
  prune: 'backups_prune',
  nextStep: 'checklist_next',
  clearScope: 'scope_clear',
  chooseScope: 'scope_choose',
  autopilotStart: 'autopilot_start',
  autopilotCancel: 'autopilot_cancel',
  autopilotGoOn: 'autopilot_go_on',
  autopilotStop: 'autopilot_stop',
  deploy: 'step_deploy',
  testLogging: 'step_test_logging',
  showFailures: 'failures_show',
  retry: 'failures_retry',
  exportFailures: 'failures_export',
  putBack: 'diff_put_back',
  restore: 'table_restore',
  diagnose: 'run_diagnose',
  installEngine: 'engine_install',
  stopFollowing: 'logs_stop',
  share: 'answer_share',
} as const;
export type ActionId = (typeof ACTION)[keyof typeof ACTION];

const MOST_LABEL = 75;

/** A button. Its value is an id: permissions are checked at the click, and the state is read again then. */
export function button(
  action: ActionId,
  label: string,
  runId: string,
  more: { style?: 'primary' | 'danger'; confirm?: { title: string; text: string; yes: string; no: string } } = {},
): Button {
  const plain = (text: string, most: number) => ({ type: 'plain_text' as const, text: shorten(text, most) });
  const { style, confirm } = more;
  const asked = confirm && {
    title: plain(confirm.title, 100),
    text: plain(confirm.text, 300),
    confirm: plain(confirm.yes, 30),
    deny: plain(confirm.no, 30),
    ...defined({ style }),
  };
  const shown = { type: 'button' as const, action_id: action, text: plain(label, MOST_LABEL), value: runId };
  return { ...shown, ...defined({ style, confirm: asked }) };
}
