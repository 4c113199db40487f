import { createLineSorter, type LineSorterOptions, visitGroups } from './external-sort.ts';

/** How one kind of totals is added and stored. */
export interface TotalsRules<T> {
  readonly zero: T;
  readonly plus: (a: T, b: T) => T;
  /** Decides the order: the largest first. */
  readonly weight: (totals: T) => number;
  readonly encode: (totals: T) => unknown;
  readonly decode: (json: string) => T;
}

/** The totals with the largest weight by name, and all others as one, so that the sum is exact. */
export interface TopTotals<T> {
  /** The largest weight first, then by name. */
  readonly top: readonly { readonly name: string; readonly totals: T }[];
  /** The number of the other names, and their totals. */
  readonly others: { readonly names: number; readonly totals: T };
}

/** Adds totals by name, exactly, for any number of names in constant memory. */
export interface TotalsByName<T> {
  add(name: string, totals: T): void;
  flushIfLarge(): Promise<void>;
  /** The `maxNames` names with the largest totals. Call it once, after the last `add`. */
  top(maxNames: number, signal?: AbortSignal): Promise<TopTotals<T>>;
  dispose(): Promise<void>;
}

/** How many names are kept in memory before their totals are moved to disk. */
const NAMES_IN_MEMORY = 4_096;

export function createTotalsByName<T>(
  rules: TotalsRules<T>,
  options: LineSorterOptions & { readonly namesInMemory?: number } = {},
): TotalsByName<T> {
  const namesInMemory = options.namesInMemory ?? NAMES_IN_MEMORY;
  const sorter = createLineSorter(options);
  let held = new Map<string, T>();
  const moveToDisk = () => {
    for (const [name, totals] of held) sorter.add(`${JSON.stringify(name)}\t${JSON.stringify(rules.encode(totals))}`);
    held = new Map();
  };
  return {
    add(name, totals) {
      held.set(name, rules.plus(held.get(name) ?? rules.zero, totals));
      if (held.size >= namesInMemory) moveToDisk();
    },
    flushIfLarge: sorter.flushIfLarge,
    async top(maxNames, signal) {
      moveToDisk();
      let top: { name: string; totals: T }[] = [];
      let names = 0;
      let rest = rules.zero;
      const dropSmallest = () => {
        top.sort((a, b) => rules.weight(b.totals) - rules.weight(a.totals) || (a.name < b.name ? -1 : 1));
        for (const { totals } of top.slice(maxNames)) rest = rules.plus(rest, totals);
        top = top.slice(0, maxNames);
      };
      const visit = (key: string, values: readonly string[]) => {
        const name: string = JSON.parse(key);
        const totals = values.map(rules.decode).reduce(rules.plus, rules.zero);
        names += 1;
        top.push({ name, totals });
        if (top.length >= 1_000 + maxNames * 2) dropSmallest();
      };
      await visitGroups(sorter.sorted(signal), visit, async () => {});
      dropSmallest();
      return { top, others: { names: names - top.length, totals: rest } };
    },
    dispose: sorter.dispose,
  };
}
