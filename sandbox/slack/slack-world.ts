import { z } from 'zod';

/** The dial for faults: what is wrong with Slack just now. */
export const SLACK_WORLD = z.strictObject({
  /** The Web API, uploads and response_urls answer 503. Links stay up. */
  down: z.boolean(),
  /** Socket Mode links are cut, and new ones refused. */
  linksDown: z.boolean(),
  /** Every answer of the Web API and of response_urls comes this much later. */
  slowMs: z.number().min(0).max(120_000),
  /** Every call is one too many: 429. */
  rateLimited: z.boolean(),
  /** What `Retry-After` says while `rateLimited`, in seconds. */
  retryAfterSeconds: z.number().int().min(1).max(3600),
  /** Block types answered with invalid_blocks, as a Slack that does not have them yet. */
  rejectBlocks: z.array(z.string()),
  /** Web API methods that answer with this error. */
  errors: z.record(z.string(), z.string()),
});
export type SlackWorldState = z.infer<typeof SLACK_WORLD>;

export interface SlackWorld {
  state(): SlackWorldState;
  /** Turns the dial; what is not named stays. */
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
