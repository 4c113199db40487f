import type { ModalView } from '@slack/types';
import { z } from 'zod';
import { defined } from '../../lib/defined.ts';
import { readJson } from '../../lib/json.ts';
import { engineOf, type RunPlan } from '../../run/model/run-control.ts';
import type { PaceSetting } from '../../run/model/types.ts';
import type { MessageLocation } from '../client/chat.ts';
import type { RequestField, RequestTexts } from '../commands/parse/run-request.ts';
import { rate } from '../messages/kit/format.ts';

export type { ModalView };

export const CHANGE_PLAN = 'change_plan';
/** The block and the element of each field have this name. */
export const PLAN_FIELDS = [
  'prefix',
  'limit',
  'sample',
  'seed',
  'pace',
  'engine',
] as const satisfies readonly RequestField[];

/** The private metadata of the form: which plan it changes and where its message is. Everything is looked up again at the submission. */
const metadataSchema = z.strictObject({
  runId: z.string(),
  channel: z.string(),
  ts: z.string(),
  ceilingPerMinute: z.number(),
  keep: z.boolean().exactOptional(),
});
type Metadata = z.infer<typeof metadataSchema>;

/** Undefined if it is not the metadata of this form. */
export const readMetadata = (text: string): Metadata | undefined => readJson(metadataSchema, text);

const plain = (text: string) => ({ type: 'plain_text' as const, text });

/** The form of the button Change…: images and pace, filled in from the plan. */
export function changePlanView(plan: RunPlan, preview: MessageLocation): ModalView {
  const { selection, ceilingPerMinute, paceSetting } = plan;
  const field = (name: RequestField, label: string, hint: string, value: string | number | undefined) => ({
    type: 'input' as const,
    block_id: name,
    optional: name !== 'pace' && name !== 'engine',
    label: plain(label),
    hint: plain(hint),
    element: defined({
      type: 'plain_text_input' as const,
      action_id: name,
      initial_value: value === undefined ? undefined : String(value),
    }),
  });
  const metadata: Metadata = defined({ runId: plan.runId, ...preview, ceilingPerMinute, keep: plan.keep });
  return {
    type: 'modal',
    callback_id: CHANGE_PLAN,
    private_metadata: JSON.stringify(metadata),
    title: plain('Change the plan'),
    submit: plain('Plan again'),
    close: plain('Cancel'),
    blocks: [
      field(
        'prefix',
        'Prefix',
        'Only keys that start with this, for example scans/2025/. Empty: the whole bucket.',
        selection.prefix,
      ),
      field('limit', 'Limit', 'The largest number of images. Empty: all.', selection.limit),
      field('sample', 'Random sample', 'The number of images to select at random. Empty: no sample.', selection.sample),
      field('seed', 'Seed of the sample', 'The same seed selects the same images. Empty: a new seed.', selection.seed),
      field(
        'pace',
        'Pace',
        `auto, a number of images a minute (at most ${rate(ceilingPerMinute)}), or batch=20 delay=30s.`,
        paceText(paceSetting),
      ),
      field(
        'engine',
        'Engine',
        'local: the bot invokes the function. step-functions: AWS Step Functions invokes it, and the bot watches.',
        engineOf(plan),
      ),
    ],
  };
}

const paceText = (setting: PaceSetting) => (setting.kind === 'auto' ? 'auto' : String(setting.perMinute));

const stateSchema = z.record(z.string(), z.record(z.string(), z.looseObject({ value: z.string().nullish() })));

/** The values of the fields; an empty field is left out. */
export function readFields(values: unknown): RequestTexts {
  const state = stateSchema.parse(values);
  const texts: Partial<Record<RequestField, string>> = {};
  for (const name of PLAN_FIELDS) {
    const value = state[name]?.[name]?.value;
    if (value != null && value.trim() !== '') texts[name] = value;
  }
  return texts;
}
