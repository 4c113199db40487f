import { readRequest } from '../commands/parse/run-request.ts';
import { unescapeMrkdwn } from '../messages/kit/escape.ts';
import { rate } from '../messages/kit/format.ts';
import { type PlanningPorts, replan } from '../requests/plan-requests.ts';
import { readCarried, readFields } from './change-plan-view.ts';
import type { FormHandler } from './form.ts';

/** The submission of Change…: a new plan in the same message, or errors at the fields. */
export const changePlan = (planning: PlanningPorts): FormHandler => ({
  role: 'operator',
  read({ privateMetadata, values }) {
    const carried = readCarried(privateMetadata);
    if (!carried) return;
    const request = readRequest(readFields(values));
    if (!request.ok)
      return {
        kind: 'errors',
        errors: Object.fromEntries(request.problems.map(({ field, line }) => [field, asPlainText(line)])),
      };
    const { selection, paceSetting = { kind: 'auto' as const } } = request.value;
    if (paceSetting.kind === 'fixed' && paceSetting.perMinute > carried.ceilingPerMinute)
      return { kind: 'errors', errors: { pace: `The ceiling is ${rate(carried.ceilingPerMinute)} images a minute.` } };
    const { runId, channel, ts, keep = false } = carried;
    return {
      kind: 'execute',
      channel,
      execute: (requester) =>
        replan({ selection, paceSetting, keep }, { runId, preview: { channel, ts } }, requester, planning),
    };
  },
});

/** Errors at fields are plain text: no code type, no entities. */
const asPlainText = (line: string) => unescapeMrkdwn(line.replaceAll('`', '')).slice(0, 150);
