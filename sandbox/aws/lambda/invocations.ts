/** One invocation, as the function saw it. Times are epoch ms. */
export interface SeenInvocation {
  readonly requestId: string;
  readonly key: string;
  readonly startedAt: number;
  readonly endedAt: number;
  /** `processed`, `rejected`, or the kind of failure. */
  readonly reply: string;
}

const MOST_KEPT = 1_000;
const MINUTE_MS = 60_000;

/** Which keys were invoked, how often, and the highest concurrency. */
export interface Invocations {
  begin(key: string, now: number): void;
  end(invocation: SeenInvocation): void;
  /** Invocations that started in the last 60 s. */
  inLastMinute(now: number): number;
  inFlight(): number;
  summary(): {
    total: number;
    inFlight: number;
    highestConcurrency: number;
    byKey: Record<string, number>;
    byReply: Record<string, number>;
    last: readonly SeenInvocation[];
  };
  clear(): void;
}

export function createInvocations(): Invocations {
  let byKey = new Map<string, number>();
  let byReply = new Map<string, number>();
  let last: SeenInvocation[] = [];
  let begun: number[] = [];
  let total = 0;
  let inFlight = 0;
  let highest = 0;
  return {
    begin(key, now) {
      total++;
      inFlight++;
      highest = Math.max(highest, inFlight);
      byKey.set(key, (byKey.get(key) ?? 0) + 1);
      begun.push(now);
    },
    end(invocation) {
      inFlight--;
      byReply.set(invocation.reply, (byReply.get(invocation.reply) ?? 0) + 1);
      last.push(invocation);
      if (last.length > MOST_KEPT * 2) last = last.slice(-MOST_KEPT);
    },
    inLastMinute(now) {
      const from = begun.findIndex((at) => at > now - MINUTE_MS);
      begun = from < 0 ? [] : begun.slice(from);
      return begun.length;
    },
    inFlight: () => inFlight,
    summary: () => ({
      total,
      inFlight,
      highestConcurrency: highest,
      byKey: Object.fromEntries(byKey),
      byReply: Object.fromEntries(byReply),
      last: last.slice(-MOST_KEPT),
    }),
    clear() {
      byKey = new Map();
      byReply = new Map();
      last = [];
      begun = [];
      total = 0;
      highest = inFlight;
    },
  };
}
