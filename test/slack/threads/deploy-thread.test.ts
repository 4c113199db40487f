import { WebAPIPlatformError } from '@slack/web-api';
import { expect, test } from 'vitest';
import { createDeployThread } from '../../../src/slack/threads/deploy-thread.ts';
import { deployInProgress } from '../../support/messages/checklist-builders.ts';

/** A thread in a Slack that answers each call with this error, if any. */
function threadIn(error: string | undefined) {
  const done: string[] = [];
  const call = async (what: string) => {
    done.push(what);
    if (error !== undefined) throw new WebAPIPlatformError({ ok: false, error });
    return '9.0';
  };
  const thread = createDeployThread({
    chat: { post: (channel) => call(`post ${channel}`), edit: ({ ts }) => call(`edit ${ts}`).then(() => {}) },
    deploys: { setMessage: async () => {} },
    alerts: {
      async put(_id, alert) {
        done.push(alert.to === 'edit' ? `stored edit of ${alert.at.ts}` : `stored for the ${alert.to}`);
      },
    },
    whoApproves: { policy: 'second-person', approvers: [] },
    onError: () => {},
  });
  return { thread, done };
}
const end = { kind: 'finished', deployed: { codeSha256: 'abc' } } as const;
const MESSAGE = { channel: 'C1', ts: '1.0' };

test.each([
  ['nothing is wrong', undefined, MESSAGE, ['edit 1.0']],
  ['the channel is archived', 'is_inactive', MESSAGE, ['edit 1.0', 'stored edit of 1.0']],
  ['the bot was removed before it posted', 'not_in_channel', undefined, ['post C1', 'stored for the channel']],
  ['the message was deleted', 'message_not_found', MESSAGE, ['edit 1.0', 'post C1']],
])('The end of a deploy while %s is shown now or is stored', async (_name, error, message, expected) => {
  const { thread, done } = threadIn(error);
  const deploy = { ...deployInProgress(), channel: 'C1', ...(message && { message }) };
  await thread.handle({ kind: 'ended', deploy, end });
  expect(done).toEqual(expected);
});
