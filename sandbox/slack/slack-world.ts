import { z } from 'zod';
import { RESPONSE_URL_LIFE_MS } from './response-urls.ts';

/** The simulated faults of the local Slack. */
export const SLACK_WORLD = z.strictObject({
  /** The Web API, uploads and response_urls answer 503. Socket Mode connections stay open. */
  down: z.boolean(),
  /** Socket Mode connections are cut, and new ones refused. */
  linksDown: z.boolean(),
  /** Delay of every answer of the Web API and of response_urls, in ms. */
  slowMs: z.number().min(0).max(120_000),
  /** Every call is over the rate limit: 429. */
  rateLimited: z.boolean(),
  /** The `Retry-After` header while `rateLimited`, in seconds. */
  retryAfterSeconds: z.number().int().min(1).max(3600),
  /** Block types that are answered with invalid_blocks, as by a Slack that does not support them. */
  rejectBlocks: z.array(z.string()),
  /** Web API methods that answer with this error. */
  errors: z.record(z.string(), z.string()),
  /** Web API methods of whose answers every n-th is lost: the call was carried out, and the connection breaks. */
  lostReplies: z.record(z.string(), z.number().int().min(1)),
  /** How long an envelope is on its way, in ms. Envelopes of different delays change their order. */
  envelopeDelayMs: z.number().min(0).max(600_000),
  /** Each envelope arrives again after these times, in ms, at the next connection in rotation. */
  repeatEnvelopesAfterMs: z.array(z.number().min(0).max(600_000)).max(5),
  /** How long a response_url can be used, in ms. Slack's limit is 30 minutes. */
  responseUrlLifeMs: z.number().min(0),
});
export type SlackWorldState = z.infer<typeof SLACK_WORLD>;

export interface SlackWorld {
  state(): SlackWorldState;
  /** Changes the named settings. */
  set(change: Partial<SlackWorldState>): SlackWorldState;
}

export function createSlackWorld(onChange: (state: SlackWorldState) => void): SlackWorld {
  let state: SlackWorldState = {
    down: false,
    linksDown: false,
    slowMs: 0,
    rateLimited: false,
    retryAfterSeconds: 1,
    rejectBlocks: [],
    errors: {},
    lostReplies: {},
    envelopeDelayMs: 0,
    repeatEnvelopesAfterMs: [],
    responseUrlLifeMs: RESPONSE_URL_LIFE_MS,
  };
  return {
    state: () => state,
    set(change) {
      state = { ...state, ...change };
      onChange(state);
      return state;
    },
  };
}
