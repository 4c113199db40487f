const DAY_MS = 86_400_000;

const ordinal = (day: number): string => {
  const ending = day % 100 >= 11 && day % 100 <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][day % 10] ?? 'th');
  return `${day}${ending}`;
};

/** `today`, `yesterday` or `tomorrow`; undefined for other days. */
export function nearDay(date: Date, now: Date): string | undefined {
  const dayOf = (of: Date) => Date.UTC(of.getFullYear(), of.getMonth(), of.getDate()) / DAY_MS;
  return { '-1': 'yesterday', '0': 'today', '1': 'tomorrow' }[String(dayOf(date) - dayOf(now))];
}

function formatAgo(date: Date, now: Date): string {
  const seconds = Math.round((now.getTime() - date.getTime()) / 1000);
  const [size, unit] =
    Math.abs(seconds) < 60
      ? [1, 'second']
      : Math.abs(seconds) < 3600
        ? [60, 'minute']
        : Math.abs(seconds) < 86_400
          ? [3600, 'hour']
          : [86_400, 'day'];
  const count = Math.round(Math.abs(seconds) / size);
  const words = `${count} ${unit}${count === 1 ? '' : 's'}`;
  return seconds < 0 ? `in ${words}` : `${words} ago`;
}

/**
 * A date in a format of Slack such as `{date_short_pretty} at {time}` (docs.slack.dev, "Formatting text": dates), in
 * the reader's time zone. Returns undefined for invalid seconds or an unknown token; the caller then shows the fallback
 * text.
 */
export function slackDate(seconds: number, format: string, now: Date): string | undefined {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return undefined;
  const part = (options: Intl.DateTimeFormatOptions) => date.toLocaleDateString('en-US', options);
  const two = (value: number) => String(value).padStart(2, '0');
  const full = `${part({ month: 'long' })} ${ordinal(date.getDate())}, ${date.getFullYear()}`;
  const tokens: Readonly<Record<string, string>> = {
    date_num: `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
    date_slash: `${two(date.getDate())}/${two(date.getMonth() + 1)}/${date.getFullYear()}`,
    date: full,
    date_long: `${part({ weekday: 'long' })}, ${full}`,
    date_long_full: part({ month: 'long', day: 'numeric', year: 'numeric' }),
    date_short: part({ month: 'short', day: 'numeric', year: 'numeric' }),
    time: date.toLocaleTimeString('en-US', { hour: 'numeric', minute: '2-digit' }),
    time_secs: date.toLocaleTimeString('en-US', { hour: 'numeric', minute: '2-digit', second: '2-digit' }),
    ago: formatAgo(date, now),
  };
  let unknown = false;
  const near = nearDay(date, now);
  const shown = format.replaceAll(/\{([a-z_]+)\}/g, (whole, token: string) => {
    const [, base] = /^(date|date_long|date_short|day_divider)_pretty$/.exec(token) ?? [];
    const found = base === undefined ? tokens[token] : (near ?? tokens[base === 'day_divider' ? 'date_long' : base]);
    unknown ||= found === undefined;
    return found ?? whole;
  });
  return unknown ? undefined : shown;
}
