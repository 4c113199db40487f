import type { Role } from '../../../src/slack/intake/permissions.ts';
import { ACTION, type ActionId } from '../../../src/slack/messages/kit/buttons.ts';

/** Every request that a person can make: lines of each command, every button, every form. */

/** Where a request comes from. A slash command has no thread: Slack sends it as one of the channel. */
export const CHANNEL = 'C0TIMESHEET';

/** Lines of each command, with the role that each needs. */
export const LINES: Readonly<Record<string, readonly (readonly [line: string, role: Role])[]>> = {
  autopilot: [
    ['autopilot', 'operator'],
    ['autopilot go', 'operator'],
    ['autopilot stop', 'operator'],
  ],
  checklist: [
    ['checklist', 'viewer'],
    ['checklist c-0001', 'viewer'],
  ],
  scope: [
    ['scope', 'operator'],
    ['scope people="Ana Bel"', 'operator'],
    ['scope clear', 'operator'],
  ],
  schedule: [
    ['schedule', 'viewer'],
    ['schedule list', 'viewer'],
    ['schedule backup "0 2 * * *"', 'operator'],
    ['schedule retry "0 3 * * *" tz=Europe/Berlin', 'operator'],
    ['schedule rescan people="Ana Bel" "0 4 * * 1"', 'operator'],
    ['schedule off sc-ghjk', 'operator'],
    ['schedule on sc-ghjk', 'operator'],
    ['schedule remove sc-ghjk', 'operator'],
  ],
  override: [['override sample because it was tested an hour ago', 'approver']],
  close: [['close', 'operator']],
  history: [['history', 'viewer']],
  use: [
    ['use', 'viewer'],
    ['use prod', 'viewer'],
  ],
  quotas: [['quotas', 'operator']],
  deploy: [
    ['deploy', 'operator'],
    ['deploy rollback', 'operator'],
    ['deploy from=s3://control/x.zip', 'operator'],
  ],
  'test-logging': [['test-logging', 'operator']],
  sample: [['sample', 'operator']],
  engine: [
    ['engine', 'viewer'],
    ['engine install', 'operator'],
  ],
  backup: [
    ['backup', 'operator'],
    ['backup before the rescan', 'operator'],
    ['backup native', 'operator'],
    ['backup export', 'operator'],
  ],
  backups: [
    ['backups', 'viewer'],
    ['backups verify b-abc123', 'operator'],
    ['backups prune keep=5', 'operator'],
  ],
  flush: [
    ['flush', 'operator'],
    ['flush kinds=failed', 'operator'],
    ['flush recreate', 'operator'],
  ],
  restore: [
    ['restore', 'operator'],
    ['restore from=s3://old/db_backup.json types-from=b-abc123', 'operator'],
  ],
  start: [
    ['start', 'operator'],
    ['start keep limit=50 pace=60', 'operator'],
  ],
  status: [
    ['status', 'viewer'],
    ['status chart', 'viewer'],
  ],
  pause: [['pause', 'stopper']],
  resume: [['resume', 'operator']],
  stop: [
    ['stop', 'stopper'],
    ['stop now', 'stopper'],
  ],
  halt: [
    ['halt', 'stopper'],
    ['abort', 'stopper'],
    ['cancel', 'stopper'],
  ],
  pace: [
    ['pace', 'operator'],
    ['pace 60', 'operator'],
    ['pace auto', 'operator'],
    ['pace batch=20 delay=30s', 'operator'],
  ],
  failures: [['failures', 'viewer']],
  retry: [
    ['retry', 'operator'],
    ['retry type=textract_error', 'operator'],
    ['retry "a b.png"', 'operator'],
  ],
  validate: [
    ['validate', 'viewer'],
    ['validate r-0001 seed=7', 'viewer'],
  ],
  diff: [
    ['diff', 'viewer'],
    ['diff b-abc123', 'viewer'],
    ['diff restore', 'operator'],
  ],
  diagnose: [['diagnose', 'viewer']],
  export: [
    ['export', 'viewer'],
    ['export run r-0142', 'viewer'],
    ['export diff', 'viewer'],
    ['export audit', 'viewer'],
  ],
  logs: [
    ['logs', 'viewer'],
    ['logs errors minutes=60', 'viewer'],
    ['logs follow 10m', 'viewer'],
    ['logs stop', 'viewer'],
  ],
  audit: [
    ['audit', 'viewer'],
    ['audit verify', 'viewer'],
    ['audit export', 'viewer'],
  ],
  help: [['help', 'viewer']],
};

/** What each button needs, with a value it may hold. `approval`: the approval itself decides who may press. */
export const BUTTONS: Readonly<Record<ActionId, readonly [role: Role | 'approval', value: string]>> = {
  [ACTION.start]: ['operator', 'r-0142'],
  [ACTION.change]: ['operator', 'r-0142'],
  [ACTION.cancel]: ['operator', 'r-0142'],
  [ACTION.resumeOpen]: ['operator', 'r-0142'],
  [ACTION.abandonAndStart]: ['operator', 'r-0142'],
  [ACTION.pause]: ['stopper', 'r-0142'],
  [ACTION.slower]: ['operator', 'r-0142'],
  [ACTION.faster]: ['operator', 'r-0142'],
  [ACTION.stop]: ['stopper', 'r-0142'],
  [ACTION.stopNow]: ['stopper', 'r-0142'],
  [ACTION.stopAsked]: ['stopper', 'r-0142'],
  [ACTION.resume]: ['operator', 'r-0142'],
  [ACTION.status]: ['viewer', 'r-0142'],
  [ACTION.approve]: ['approval', 'a-1'],
  [ACTION.deny]: ['approval', 'a-1'],
  [ACTION.denyWithReason]: ['viewer', 'a-1'],
  [ACTION.stopJob]: ['stopper', 'a-1'],
  [ACTION.prune]: ['operator', '5,b-1'],
  [ACTION.nextStep]: ['operator', 'backup'],
  [ACTION.clearScope]: ['operator', 's-1'],
  [ACTION.chooseScope]: ['operator', 'scope'],
  [ACTION.autopilotStart]: ['operator', 'ap-1'],
  [ACTION.autopilotCancel]: ['operator', 'ap-1'],
  [ACTION.autopilotGoOn]: ['operator', 'ap-1'],
  [ACTION.autopilotStop]: ['stopper', 'ap-1'],
  [ACTION.deploy]: ['operator', 'deploy'],
  [ACTION.testLogging]: ['operator', 'test-logging'],
  [ACTION.showFailures]: ['viewer', 'r-0142'],
  [ACTION.retry]: ['operator', 'all'],
  [ACTION.exportFailures]: ['viewer', 'r-0142'],
  [ACTION.putBack]: ['operator', 'b-1'],
  [ACTION.restore]: ['operator', 'b-1'],
  [ACTION.diagnose]: ['viewer', 'r-0142'],
  [ACTION.installEngine]: ['operator', '0123456789abcdef'],
  [ACTION.stopFollowing]: ['viewer', 'C0TIMESHEET/1'],
  [ACTION.share]: ['viewer', 'x-1'],
};
/** Buttons that also work in the person's direct messages with the bot. */
export const IN_DIRECT_MESSAGES: readonly ActionId[] = [ACTION.share, ACTION.stopFollowing];

const named = (value: string, name: string) => ({ [name]: { [name]: { value } } });
const action = { kind: 'flush', backupId: 'b-1', failedOnly: false } as const;
const at = { channel: CHANNEL, ts: '1.0' };
/** What each form needs, with what it carries and holds. */
export const FORMS: Readonly<Record<string, readonly [role: Role | 'approval', metadata: object, values: object]>> = {
  change_plan: ['operator', { runId: 'r-0142', ...at, ceilingPerMinute: 160 }, named('60', 'pace')],
  confirm_action: ['operator', { action, table: 'T', channel: CHANNEL }, named('T', 'table_name')],
  choose_restore: ['operator', { channel: CHANNEL }, named('b-1', 'backup')],
  confirm_deploy: ['operator', { id: 'd-1', channel: CHANNEL }, {}],
  confirm_rollback: ['operator', { id: 'd-1', channel: CHANNEL }, {}],
  restore_rows: [
    'operator',
    { backupId: 'b-1', channel: CHANNEL },
    { which: { which: { selected_option: { value: 'all' } } } },
  ],
  choose_scope: ['operator', { channel: CHANNEL }, named('a.png', 'scope_images')],
  deny_request: ['approval', { approvalId: 'a-1', ...at }, named('Not tonight', 'reason')],
};
