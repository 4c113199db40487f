import type { AuditOutcome } from '../../checklist/audit/audit-outcome.ts';
import type { DeployAnswer, DeployControl } from '../../checklist/contracts/step-control.ts';
import { defined } from '../../lib/defined.ts';
import type { GivenPackage } from '../../pipeline/package/function-package.ts';
import { type Chat, postOnce } from '../client/chat.ts';
import { FileDownloadError, ForeignFileHostError } from '../client/file-download.ts';
import type { Requester } from '../commands/command.ts';
import type { ApproverCheck } from '../intake/approver-check.ts';
import { deployApprovalMessage } from '../messages/checklist/deploy-approval-message.ts';
import { IN_PLACE } from '../messages/checklist/deploy-message.ts';
import { code } from '../messages/kit/escape.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { stepRefusalLines, stepRefusalMessage } from '../messages/refusals/step-refusals.ts';
import type { WhoApproves } from '../messages/table/approval-message.ts';
import type { ModalView } from './change-plan-view.ts';
import { deployView, rollbackView } from './deploy-view.ts';
import { fillForm } from './fill-form.ts';
import { loadingView, refusalView } from './table-views.ts';

/** A file that a person uploaded with a form. */
export interface UploadedFile {
  readonly name: string;
  readonly bytes: number;
  /** Where the bot downloads it. */
  readonly url: string;
}

/** The forms of a deploy and its rollback: opened at once, filled when the plan is made, confirmed by the requester. */
export interface DeployForms {
  openDeploy(triggerId: string, given: GivenPackage | undefined, requester: Requester): Promise<Message | undefined>;
  openRollback(triggerId: string, requester: Requester): Promise<Message | undefined>;
  /** Plans a deploy of an uploaded zip, and shows the plan in the same modal. */
  inspectZip(viewId: string, file: UploadedFile, requester: Requester): Promise<Message | undefined>;
  deploy(id: string, requester: Requester): Promise<Message | undefined>;
  /** Asks a second person for approval of a deploy of new code. */
  ask(id: string, reason: string | undefined, requester: Requester): Promise<Message | undefined>;
  /** `keeps`: the hash of newer code that the form showed as kept. */
  rollback(id: string, keeps: string | undefined, requester: Requester): Promise<Message | undefined>;
}

const TITLE = 'Deploy';
/** Lambda's limit for a direct upload; a larger package must be in S3. */
const MAX_ZIP_BYTES = 50 * 1024 * 1024;

export function createDeployForms(ports: {
  deploys: DeployControl;
  openView: (triggerId: string, view: ModalView) => Promise<string>;
  updateView: (viewId: string, view: ModalView) => Promise<void>;
  download: (url: string) => Promise<Uint8Array>;
  chat: Pick<Chat, 'post' | 'edit'>;
  whoApproves: WhoApproves;
  /** What a person may decide, looked up now. */
  checkApprover: (person: string) => Promise<ApproverCheck>;
}): DeployForms {
  const { deploys, updateView, chat, whoApproves } = ports;

  async function viewOf(given: GivenPackage | undefined, { person, channel }: Requester): Promise<ModalView> {
    const planned = await deploys.plan(person, given);
    return planned.ok ? deployView(planned.value, channel) : refusalView(TITLE, stepRefusalLines(planned.refusal));
  }

  return {
    async openDeploy(triggerId, given, requester) {
      const viewId = await ports.openView(triggerId, loadingView(TITLE, 'Reading the function’s package…'));
      return fillForm({ viewId, title: TITLE }, () => viewOf(given, requester), updateView, requester);
    },
    async openRollback(triggerId, requester) {
      const title = 'Roll back';
      const viewId = await ports.openView(triggerId, loadingView(title, 'Reading what was deployed…'));
      const read = async () => {
        const planned = await deploys.planRollback();
        return planned.ok
          ? rollbackView(planned.value, requester.channel)
          : refusalView(title, stepRefusalLines(planned.refusal));
      };
      return fillForm({ viewId, title }, read, updateView, requester);
    },
    inspectZip(viewId, { name, bytes, url }, requester) {
      const read = async () => {
        if (bytes > MAX_ZIP_BYTES) {
          const line =
            'The zip is larger than 50 MB. Put it into the control bucket, then use `/rescan deploy from=s3://CONTROL_BUCKET/key.zip`.';
          return refusalView(TITLE, [line]);
        }
        try {
          return await viewOf({ kind: 'zip', bytes: await ports.download(url), fileName: name }, requester);
        } catch (error) {
          const lines = downloadRefusalLines(error, name);
          if (!lines) throw error;
          return refusalView(TITLE, lines);
        }
      };
      return fillForm({ viewId, title: TITLE }, read, updateView, requester);
    },
    async deploy(id, { person, channel, noteOutcome }) {
      const done = await deploys.deploy(id, person, channel);
      noteOutcome?.(outcomeOf(done));
      if (!done.ok) return stepRefusalMessage(done.refusal);
      return done.value.unchanged ? say(IN_PLACE) : undefined;
    },
    async ask(id, reason, { person, channel, noteOutcome }) {
      const asked = await deploys.request(id, person, { channel, ...defined({ reason }) });
      if (!asked.ok) return stepRefusalMessage(asked.refusal);
      const approval = asked.value;
      const message = deployApprovalMessage(approval, whoApproves);
      const ts = await postOnce(chat, channel, message, `approval ${approval.id}`);
      await deploys.setApprovalMessage(approval.id, ts);
      noteOutcome?.(`asked: approval ${approval.id} of a deploy`);
      if (whoApproves.policy !== 'self')
        return say('The request for approval is in the channel. The deploy starts as soon as an approver approves it.');
      // The person has just submitted the form. Looked up now: they may have been deactivated since they opened it.
      const approverCheck = await ports.checkApprover(person);
      const decided = await deploys.click(approval.id, { decision: 'approve', by: person, channel, ts, approverCheck });
      if (!decided.ok) return stepRefusalMessage(decided.refusal);
      await chat.edit({ channel, ts }, deployApprovalMessage(decided.value, whoApproves));
      return;
    },
    async rollback(id, keeps, { person, channel, noteOutcome }) {
      const done = await deploys.rollback(id, person, defined({ channel, keeps }));
      noteOutcome?.(outcomeOf(done));
      return done.ok ? undefined : stepRefusalMessage(done.refusal);
    },
  };
}

/** What the form came to, for the audit: what the deploy did is an entry of its own. */
function outcomeOf(done: DeployAnswer): AuditOutcome {
  if (done.ok) return done.value.unchanged ? 'finished: everything was in place already' : 'finished';
  const { refusal } = done;
  const why = refusal.reason === 'deploy' ? refusal.refusal.reason : refusal.reason;
  return `${done.isShown || why === 'deploy-unclear' ? 'failed' : 'refused'}: ${why}`;
}

/** Why the uploaded file was not downloaded; undefined for another error. */
function downloadRefusalLines(error: unknown, name: string): string[] | undefined {
  if (error instanceof ForeignFileHostError)
    return [
      `Nothing was deployed: ${code(name, 150)} is not stored on Slack’s servers (its host is ${code(error.host, 150)}), so the bot did not download it.`,
      'The bot sends its token only to Slack’s hosts. Upload the zip from your computer, not as a link to another service.',
    ];
  if (error instanceof FileDownloadError)
    return [
      `Nothing was deployed: Slack did not deliver ${code(name, 150)} (HTTP ${error.status}).`,
      'Check that the app has the scope `files:read`, then upload the zip again.',
    ];
  return undefined;
}
