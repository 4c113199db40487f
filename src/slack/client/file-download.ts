/** Slack did not deliver a file that a person uploaded. */
export class FileDownloadError extends Error {
  override readonly name = 'FileDownloadError';
  readonly status: number;
  constructor(status: number) {
    super(`Slack did not deliver the file: HTTP ${status}. The app needs the scope files:read.`);
    this.status = status;
  }
}

/** The URL of a file, or one that it redirects to, is not a host of Slack's: the bot's token must not be sent there. */
export class ForeignFileHostError extends Error {
  override readonly name = 'ForeignFileHostError';
  readonly host: string;
  constructor(host: string) {
    super(`The file is not on a host of Slack's (${host}), so it was not downloaded.`);
    this.host = host;
  }
}

const TIMEOUT_MS = 120_000;
const MOST_REDIRECTS = 3;
const SLACK_HOST = /^(?:[a-z0-9-]+\.)*(?:slack\.com|slack-files\.com|slack-gov\.com)$/;

/** Slack's hosts over https, and the server of SLACK_API_URL. */
function isSlackFile(url: URL, apiUrl: string): boolean {
  if (url.origin === new URL(apiUrl).origin) return true;
  return url.protocol === 'https:' && url.port === '' && SLACK_HOST.test(url.hostname);
}

/**
 * The content of a Slack file, read with the bot's token from Slack's hosts only, redirects included. `apiUrl`: SLACK_API_URL.
 * @throws FileDownloadError, ForeignFileHostError, or the error of a broken connection
 */
export async function downloadFile(url: string, token: string, apiUrl: string): Promise<Uint8Array> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  let next = url;
  for (let redirects = 0; ; redirects++) {
    const at = URL.canParse(next) ? new URL(next) : undefined;
    if (!at || !isSlackFile(at, apiUrl)) throw new ForeignFileHostError(at?.host ?? 'no URL');
    const reply = await fetch(at.href, { headers: { authorization: `Bearer ${token}` }, redirect: 'manual', signal });
    const target = reply.headers.get('location');
    if (reply.status >= 300 && reply.status < 400 && target !== null && redirects < MOST_REDIRECTS) {
      await reply.body?.cancel();
      next = URL.canParse(target, at.href) ? new URL(target, at.href).href : target;
      continue;
    }
    // Without the scope Slack answers with its sign-in page and status 200.
    if (!reply.ok || reply.headers.get('content-type')?.startsWith('text/html'))
      throw new FileDownloadError(reply.status);
    return new Uint8Array(await reply.arrayBuffer());
  }
}
