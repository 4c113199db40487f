import { readRequest } from '../commands/parse/run-request.ts';
import { unescapeMrkdwn } from '../messages/kit/escape.ts';
import { rate } from '../messages/kit/format.ts';
import { type PlanningPorts, replan } from '../requests/plan-requests.ts';
import { readFields, readMetadata } from './change-plan-view.ts';
import type { FormHandler } from './form.ts';

/** The submission of the form of Change…: a new plan in the same message, or errors at the fields. */
export const changePlan = (planning: PlanningPorts): FormHandler => ({
  role: 'operator',
  read({ privateMetadata, values }) {
    const metadata = readMetadata(privateMetadata);
    if (!metadata) return;
    const request = readRequest(readFields(values));
    if (!request.ok)
      return {
        kind: 'errors',
        errors: Object.fromEntries(request.problems.map(({ field, line }) => [field, asPlainText(line)])),
      };
    const { paceSetting = { kind: 'auto' as const }, ...asked } = request.value;
    if (paceSetting.kind === 'fixed' && paceSetting.perMinute > metadata.ceilingPerMinute)
      return {
        kind: 'errors',
        errors: { pace: `The ceiling is ${rate(metadata.ceilingPerMinute)} images a minute.` },
      };
    const { runId, channel, ts, keep = false } = metadata;
    return {
      kind: 'execute',
      channel,
      execute: (requester) =>
        replan({ ...asked, paceSetting, keep }, { runId, preview: { channel, ts } }, requester, planning),
    };
  },
});

/** An error at a field is plain text, without backticks and entities, and Slack shows 150 characters of it. */
const asPlainText = (line: string) => unescapeMrkdwn(line.replaceAll('`', '')).slice(0, 150);
