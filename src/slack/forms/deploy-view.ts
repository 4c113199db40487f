import type { KnownBlock, ModalView } from '@slack/types';
import { z } from 'zod';
import type { PlannedDeploy, PlannedRollback } from '../../checklist/contracts/step-control.ts';
import { readJson } from '../../lib/json.ts';
import { bringsCode } from '../../pipeline/package/function-package.ts';
import { deployPlanLines, fileLines, IN_PLACE, rollbackPlanLines } from '../messages/checklist/deploy-message.ts';

export const CONFIRM_DEPLOY = 'confirm_deploy';
export const CONFIRM_ROLLBACK = 'confirm_rollback';
/** The block and the element of the optional zip have this name. */
export const PACKAGE_FIELD = 'package';

import { reason } from './table-views.ts';

const NEEDS_APPROVAL =
  ':warning: This is new code, which will run with the function’s role. A second person has to approve exactly this zip, by its SHA-256.';

const plain = (text: string) => ({ type: 'plain_text' as const, text });
const section = (lines: readonly string[]): KnownBlock => ({
  type: 'section',
  text: { type: 'mrkdwn', text: lines.join('\n') },
});

const metadataSchema = z.strictObject({
  id: z.string(),
  channel: z.string(),
  keeps: z.string().exactOptional(),
  /** The form asks for approval. */
  asks: z.literal(true).exactOptional(),
});
export const readDeployId = (metadata: string) => readJson(metadataSchema, metadata);

/** What a deploy would change, to be confirmed. With a field for a zip of the team's code, unless a package was given. */
export function deployView({ id, plan }: PlannedDeploy, channel: string): ModalView {
  const field: KnownBlock = {
    type: 'input',
    block_id: PACKAGE_FIELD,
    optional: true,
    label: plain('A new version of your code'),
    hint: plain(
      'A zip: you see what it changes, then ask a second person for approval. Leave it empty to keep the code as it is.',
    ),
    element: { type: 'file_input', action_id: PACKAGE_FIELD, filetypes: ['zip'], max_files: 1 },
  };
  const asks = bringsCode(plan);
  const blocks: KnownBlock[] = [
    ...(asks ? [section([NEEDS_APPROVAL])] : []),
    ...(plan.inPlace
      ? [section([IN_PLACE])]
      : [section(deployPlanLines(plan)), ...fileLines(plan).map((line) => section([line]))]),
    ...(plan.given === undefined ? [field] : []),
    ...(asks ? [reason] : []),
  ];
  return {
    type: 'modal',
    callback_id: CONFIRM_DEPLOY,
    private_metadata: JSON.stringify({ id, channel, ...(asks ? { asks } : {}) }),
    title: plain('Deploy'),
    submit: plain(asks ? 'Ask for approval' : plan.inPlace ? 'Look at the zip' : 'Deploy'),
    close: plain('Cancel'),
    blocks,
  };
}

/** What a rollback would restore, to be confirmed. */
export const rollbackView = ({ id, plan, ...found }: PlannedRollback, channel: string): ModalView => ({
  type: 'modal',
  callback_id: CONFIRM_ROLLBACK,
  private_metadata: JSON.stringify({ id, channel, keeps: found.keeps }),
  title: plain('Roll back'),
  submit: plain('Roll back'),
  close: plain('Cancel'),
  blocks: [section(rollbackPlanLines(plan, found))],
});
