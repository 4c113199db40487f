import type { ModalView } from '@slack/types';
import { z } from 'zod';
import type { RunPlan } from '../../run/model/run-control.ts';
import type { PaceSetting } from '../../run/model/types.ts';
import type { MessageLocation } from '../client/chat.ts';
import type { RequestField, RequestTexts } from '../commands/parse/run-request.ts';
import { rate } from '../messages/kit/format.ts';

export type { ModalView };

export const CHANGE_PLAN = 'change_plan';
/** The field's block and its element share this name. */
export const PLAN_FIELDS = ['prefix', 'limit', 'sample', 'seed', 'pace'] as const satisfies readonly RequestField[];

/** What the modal carries from its opening to its submission: which plan, where its preview is. Looked up again there. */
const carriedSchema = z.strictObject({
  runId: z.string(),
  channel: z.string(),
  ts: z.string(),
  ceilingPerMinute: z.number(),
  keep: z.boolean().exactOptional(),
});
export type Carried = z.infer<typeof carriedSchema>;

export function readCarried(metadata: string): Carried | undefined {
  try {
    return carriedSchema.parse(JSON.parse(metadata));
  } catch {
    return undefined;
  }
}

const plain = (text: string) => ({ type: 'plain_text' as const, text });

/** The form behind Change…: which images, how fast, as the plan has them. */
export function changePlanView(plan: RunPlan, preview: MessageLocation): ModalView {
  const { selection, ceilingPerMinute, paceSetting } = plan;
  const field = (name: RequestField, label: string, hint: string, value: string | number | undefined) => ({
    type: 'input' as const,
    block_id: name,
    optional: name !== 'pace',
    label: plain(label),
    hint: plain(hint),
    element: {
      type: 'plain_text_input' as const,
      action_id: name,
      ...(value === undefined ? {} : { initial_value: String(value) }),
    },
  });
  const kept = plan.keep ? { keep: true } : {};
  const carried: Carried = { runId: plan.runId, ...preview, ceilingPerMinute, ...kept };
  return {
    type: 'modal',
    callback_id: CHANGE_PLAN,
    private_metadata: JSON.stringify(carried),
    title: plain('Change the plan'),
    submit: plain('Plan again'),
    close: plain('Keep it'),
    blocks: [
      field(
        'prefix',
        'Prefix',
        'Only keys that begin so, e.g. timesheets/2025/. Empty: the whole bucket.',
        selection.prefix,
      ),
      field('limit', 'Limit', 'At most so many images. Empty: all.', selection.limit),
      field('sample', 'Random sample', 'So many images drawn at random. Empty: no sample.', selection.sample),
      field('seed', 'Seed of the sample', 'The same seed draws the same sample. Empty: a new one.', selection.seed),
      field(
        'pace',
        'Pace',
        `auto, images a minute (at most ${rate(ceilingPerMinute)}), or batch=20 delay=30s.`,
        paceText(paceSetting),
      ),
    ],
  };
}

const paceText = (setting: PaceSetting) => (setting.kind === 'auto' ? 'auto' : String(setting.perMinute));

const stateSchema = z.record(z.string(), z.record(z.string(), z.looseObject({ value: z.string().nullish() })));

/** What the form holds; a field left empty is not there. */
export function readFields(values: unknown): RequestTexts {
  const state = stateSchema.parse(values);
  const texts: Partial<Record<RequestField, string>> = {};
  for (const name of PLAN_FIELDS) {
    const value = state[name]?.[name]?.value;
    if (value != null && value.trim() !== '') texts[name] = value;
  }
  return texts;
}
