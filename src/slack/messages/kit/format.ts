const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 });

/** `1,398` */
export const count = (n: number): string => whole.format(n);

/** `1 image`, `1,398 images` */
export const counted = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

/** `29 %`: rounded down, so that 100 % means all; `0 %` of nothing. */
export const percent = (part: number, of: number): string =>
  `${of <= 0 ? 0 : Math.floor(Math.min(1, part / of) * 100)} %`;

/** A rate: `6.2` under ten, whole numbers above. */
export const rate = (n: number): string => (n < 10 ? tenths.format(n) : count(n));

/** An estimate: `about 50 s`, `under 1 s` */
export const aboutDuration = (ms: number): string => `${ms < 500 ? '' : 'about '}${duration(ms)}`;

/** `under 1 s`, `50 s`, `4 min 10 s`, `41 min`, `1 h 12 min`, `2 d 3 h` */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 1) return 'under 1 s';
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 600) return pair(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 24 * 60) return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(minutes / 60);
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

/** A duration that is exact below a second: `812 ms`. */
export const shortDuration = (ms: number): string => (ms < 1_000 ? `${count(ms)} ms` : duration(ms));

/** A time of the day, shown in the reader’s time zone. `at`: epoch ms. mrkdwn. */
export const clockTime = (at: number): string =>
  `<!date^${Math.floor(at / 1000)}^{time}|${new Date(at).toISOString().slice(11, 16)} UTC>`;

const pair = (big: number, bigUnit: string, small: number, smallUnit: string) =>
  small === 0 ? `${count(big)} ${bigUnit}` : `${count(big)} ${bigUnit} ${small} ${smallUnit}`;

/** `812 bytes`, `3.4 KB`, `312 MB`, `1.2 GB`: powers of 1,000. */
export function bytes(n: number): string {
  const units = ['KB', 'MB', 'GB', 'TB'];
  if (n < 1000) return counted(n, 'byte');
  const power = Math.min(units.length, Math.floor(Math.log10(n) / 3));
  return `${rate(n / 1000 ** power)} ${units[power - 1] ?? 'TB'}`;
}

/** `$0.42`, `$1,234`; below a cent with two significant digits: `$0.0043`. */
export function dollars(usd: number): string {
  if (usd === 0) return '$0';
  if (usd < 0.01) return `$${Number(usd.toPrecision(2)).toLocaleString('en-US', { maximumFractionDigits: 10 })}`;
  const digits = usd < 100 ? 2 : 0;
  return `$${usd.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

const BAR = 20;

/** A bar of 20 fields: the first is full as soon as anything is done, the last only when everything is. */
export function progressBar(done: number, of: number): string {
  const share = of <= 0 ? 0 : Math.min(1, done / of);
  const full = done >= of && of > 0 ? BAR : Math.min(BAR - 1, Math.max(done > 0 ? 1 : 0, Math.floor(share * BAR)));
  return '█'.repeat(full) + '░'.repeat(BAR - full);
}
