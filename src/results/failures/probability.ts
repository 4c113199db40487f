/**
 * The probability that a random group contains at least `found` marked items, when `drawn` of `all` items are in the
 * group and `marked` of `all` are marked (hypergeometric, one-sided; Fisher's exact test). Between 0 and 1.
 */
export function probabilityOfAtLeast({
  found,
  drawn,
  marked,
  all,
}: {
  found: number;
  drawn: number;
  marked: number;
  all: number;
}): number {
  const most = Math.min(drawn, marked);
  const least = Math.max(0, drawn + marked - all);
  if (found <= least) return 1;
  if (found > most) return 0;
  let term = Math.exp(logChoose(marked, found) + logChoose(all - marked, drawn - found) - logChoose(all, drawn));
  let sum = term;
  for (let count = found; count < most; count++) {
    term *= ((marked - count) * (drawn - count)) / ((count + 1) * (all - marked - drawn + count + 1));
    sum += term;
    // The remaining terms fall faster than a geometric series and do not change the result.
    if (term < sum * 1e-12) break;
  }
  return Math.min(1, sum);
}

const logChoose = (n: number, k: number): number => logFactorial(n) - logFactorial(k) - logFactorial(n - k);

/** Stirling's series; an exact sum for small numbers, where the series is not accurate. */
function logFactorial(n: number): number {
  if (n < 32) {
    let sum = 0;
    for (let factor = 2; factor <= n; factor++) sum += Math.log(factor);
    return sum;
  }
  const x = n + 1;
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * x) - 1 / (360 * x ** 3);
}
