import type { StartRefusal } from '../../checklist/start-control.ts';
import { gateLines } from './gate-words.ts';
import { type Message, say } from './message.ts';
import { refusalMessage } from './refusals.ts';

/** Why a run was not planned or started: by the checklist, or by the runs themselves. */
export const startRefusalMessage = (refusal: StartRefusal, runLink?: string): Message =>
  refusal.reason === 'gate' ? say(...gateLines(refusal.step, refusal.missing)) : refusalMessage(refusal, runLink);
