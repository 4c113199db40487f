import { describe, expect, test } from 'vitest';
import { refuse } from '../../../src/lib/result.ts';
import { FileDownloadError, ForeignFileHostError } from '../../../src/slack/client/file-download.ts';
import { createDeployForms } from '../../../src/slack/forms/deploy-forms.ts';
import { idleControls } from '../../support/memory/idle-checklist.ts';
import { createScriptedRunControl } from '../../support/memory/scripted-run-control.ts';

describe('a zip that cannot be downloaded', () => {
  test.each([
    [
      new ForeignFileHostError('files.evil.example'),
      /Nothing was deployed: `new\.zip` is not stored on Slack’s servers \(its host is `files\.evil\.example`\)/,
    ],
    [new FileDownloadError(302), /Slack did not deliver `new\.zip` \(HTTP 302\)[\s\S]*files:read/],
  ])('is reported in the form with the reason: %s', async (error, said) => {
    const views: unknown[] = [];
    const outcomes: string[] = [];
    const forms = createDeployForms({
      deploys: {
        ...idleControls(createScriptedRunControl()).deploys,
        plan: async () => refuse({ reason: 'deploy-gone' }),
      },
      chat: { post: async () => '1.0', edit: async () => {} },
      whoApproves: { policy: 'second-person', approvers: [] },
      checkApprover: async () => 'neither',
      openView: async () => 'V1',
      async updateView(_, view) {
        views.push(view);
      },
      async download() {
        throw error;
      },
    });
    const file = { name: 'new.zip', bytes: 10, url: 'https://files.evil.example/new.zip' };
    await forms.inspectZip('V1', file, {
      person: 'U1',
      channel: 'C1',
      reply: async () => {},
      noteOutcome: (outcome) => void outcomes.push(outcome),
    });
    expect(views).toHaveLength(1);
    expect(JSON.stringify(views[0])).toMatch(said);
    expect(outcomes).toEqual([expect.stringMatching(/^refused: Nothing was deployed/)]);
  });
});
