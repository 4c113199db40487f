import type { DeployControl } from '../../checklist/contracts/step-control.ts';
import type { RecoveredDeploy } from '../../checklist/deploy/deploys.ts';
import type { GivenPackage } from '../../pipeline/package/function-package.ts';
import type { Requester } from '../commands/command.ts';
import { deployedMessage, IN_PLACE, rolledBackMessage } from '../messages/checklist/deploy-message.ts';
import { lateEndMessage } from '../messages/checklist/late-deploy.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { stepRefusalLines, stepRefusalMessage } from '../messages/refusals/step-refusals.ts';
import type { ModalView } from './change-plan-view.ts';
import { deployView, rollbackView } from './deploy-view.ts';
import { formOutcome } from './form-outcome.ts';
import { loadingView, refusalView } from './table-views.ts';

/** A file that somebody handed in by a form. */
export interface HandedFile {
  readonly name: string;
  readonly bytes: number;
  /** Where Slack gives it to the bot. */
  readonly url: string;
}

/** The forms of a deploy and its rollback: opened at once, filled when the facts are there, confirmed by who asked. */
export interface DeployForms {
  openDeploy(triggerId: string, given: GivenPackage | undefined, requester: Requester): Promise<Message | undefined>;
  openRollback(triggerId: string, requester: Requester): Promise<Message | undefined>;
  /** Looks at a zip that was handed in, in the same modal. */
  lookAtZip(viewId: string, file: HandedFile, requester: Requester): Promise<Message | undefined>;
  deploy(id: string, requester: Requester): Promise<Message | undefined>;
  /** `keeps`: the hash of later code that was shown to stay. */
  rollback(id: string, keeps: string | undefined, requester: Requester): Promise<Message | undefined>;
  /** Tells the channel how a deploy ended whose process died. */
  announceLateEnd(end: RecoveredDeploy): Promise<void>;
}

const TITLE = 'Deploy';
/** What is taken directly by Lambda; larger packages come by S3. */
const MOST_ZIP_BYTES = 50 * 1024 * 1024;

export function createDeployForms(ports: {
  deploys: DeployControl;
  openView: (triggerId: string, view: ModalView) => Promise<string>;
  updateView: (viewId: string, view: ModalView) => Promise<void>;
  download: (url: string) => Promise<Uint8Array>;
  announce: (channel: string, message: Message) => Promise<void>;
}): DeployForms {
  const { deploys, updateView } = ports;

  async function show(viewId: string, given: GivenPackage | undefined, requester: Requester): Promise<undefined> {
    const planned = await deploys.plan(requester.person, given);
    const view = planned.ok
      ? deployView(planned.value, requester.channel)
      : refusalView(TITLE, stepRefusalLines(planned.refusal));
    await updateView(viewId, view);
    requester.noteOutcome?.(formOutcome(view));
    return;
  }

  return {
    async openDeploy(triggerId, given, requester) {
      const viewId = await ports.openView(triggerId, loadingView(TITLE, 'Reading the function’s package…'));
      return show(viewId, given, requester);
    },
    async openRollback(triggerId, requester) {
      const title = 'Roll back';
      const viewId = await ports.openView(triggerId, loadingView(title, 'Reading what was deployed…'));
      const planned = await deploys.planRollback();
      const view = planned.ok
        ? rollbackView(planned.value, requester.channel)
        : refusalView(title, stepRefusalLines(planned.refusal));
      await updateView(viewId, view);
      requester.noteOutcome?.(formOutcome(view));
      return;
    },
    async lookAtZip(viewId, { name, bytes, url }, requester) {
      if (bytes > MOST_ZIP_BYTES) {
        await updateView(
          viewId,
          refusalView(TITLE, [
            'The zip is larger than 50 MB. Put it into S3, then use `/rescan deploy from=s3://bucket/key.zip`.',
          ]),
        );
        return;
      }
      return show(viewId, { kind: 'zip', bytes: await ports.download(url), fileName: name }, requester);
    },
    async deploy(id, { person, channel, reply }) {
      await reply(say('Deploying: publishing the current version, then updating code, handler and environment…'));
      const done = await deploys.deploy(id, person, channel);
      if (!done.ok) return stepRefusalMessage(done.refusal);
      if (done.value.unchanged) return say(IN_PLACE);
      await ports.announce(channel, deployedMessage(done.value, person));
      return;
    },
    async rollback(id, keeps, { person, channel }) {
      const done = await deploys.rollback(id, person, { channel, ...(keeps === undefined ? {} : { keeps }) });
      if (!done.ok) return stepRefusalMessage(done.refusal);
      await ports.announce(channel, rolledBackMessage(done.value, person));
      return;
    },
    async announceLateEnd(end) {
      // Without a channel nobody asked here: who did looks at the checklist.
      if (end.channel !== undefined) await ports.announce(end.channel, lateEndMessage(end));
    },
  };
}
