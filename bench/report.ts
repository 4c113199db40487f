/** One figure of a benchmark. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it should be, in words: "under 1.5". */
  readonly goal?: string;
  readonly [detail: string]: unknown;
}
export type Report = (figure: Figure) => void;

/** Prints each figure as a JSON line when it is known; `table()` prints them all side by side at the end. */
export function createReport(): { report: Report; table(): void } {
  const figures: Figure[] = [];
  return {
    report(figure) {
      figures.push(figure);
      console.log(JSON.stringify(figure));
    },
    table() {
      const rows = figures.map(({ name, value, unit, goal }) => [name, value.toLocaleString('en'), unit, goal ?? '']);
      const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
      console.log();
      for (const [name = '', value = '', unit = '', goal = ''] of rows)
        console.log(
          `${name.padEnd(widths[0] ?? 0)}  ${value.padStart(widths[1] ?? 0)} ${unit.padEnd(widths[2] ?? 0)}  ${goal && `goal: ${goal}`}`,
        );
    },
  };
}

export const rounded = (value: number, digits = 2): number => Number(value.toFixed(digits));

/** The value below which a share of the samples lies. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
