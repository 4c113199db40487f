/** The CPU time of this process so far, ms. Unlike the time on the clock it does not grow while other programs run. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
