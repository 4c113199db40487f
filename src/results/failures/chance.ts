/**
 * How likely it is that a group drawn blindly holds this many marked ones or more: `drawn` of `all` are drawn, `marked` of `all` are
 * marked, `found` of those drawn are (hypergeometric, one-sided; Fisher's exact test). Between 0 and 1.
 */
export function chanceOfSoMany({
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
  for (let at = found; at < most; at++) {
    term *= ((marked - at) * (drawn - at)) / ((at + 1) * (all - marked - drawn + at + 1));
    sum += term;
    // What is left falls faster than a geometric series: it adds nothing that shows.
    if (term < sum * 1e-12) break;
  }
  return Math.min(1, sum);
}

const logChoose = (n: number, k: number): number => logFactorial(n) - logFactorial(k) - logFactorial(n - k);

/** Stirling's series; exact sums where it is not yet good. */
function logFactorial(n: number): number {
  if (n < 32) {
    let sum = 0;
    for (let factor = 2; factor <= n; factor++) sum += Math.log(factor);
    return sum;
  }
  const x = n + 1;
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * x) - 1 / (360 * x ** 3);
}
