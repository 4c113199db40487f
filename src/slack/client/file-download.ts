/** Slack did not deliver a file that a person uploaded. */
export class FileDownloadError extends Error {
  override readonly name = 'FileDownloadError';
  readonly status: number;
  constructor(status: number) {
    super(`Slack did not deliver the file: HTTP ${status}. The app needs the scope files:read.`);
    this.status = status;
  }
}

const TIMEOUT_MS = 120_000;

/** The content of a Slack file, read with the bot's token. @throws FileDownloadError, or the error of a broken connection */
export async function downloadFile(url: string, token: string): Promise<Uint8Array> {
  const reply = await fetch(url, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  // Without the scope Slack answers with its sign-in page and status 200.
  if (!reply.ok || reply.headers.get('content-type')?.startsWith('text/html'))
    throw new FileDownloadError(reply.status);
  return new Uint8Array(await reply.arrayBuffer());
}
