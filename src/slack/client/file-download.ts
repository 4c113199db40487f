/** Slack did not give a file that somebody handed in. */
export class FileDownloadError extends Error {
  override readonly name = 'FileDownloadError';
  readonly status: number;
  constructor(status: number) {
    super(`Slack did not give the file: HTTP ${status}. The app needs the scope files:read.`);
    this.status = status;
  }
}

const WITHIN_MS = 120_000;

/** A file of Slack's, with the bot's token. @throws FileDownloadError */
export async function downloadFile(url: string, token: string): Promise<Uint8Array> {
  const reply = await fetch(url, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(WITHIN_MS),
  });
  // Without the scope Slack answers with its sign-in page, and 200.
  if (!reply.ok || reply.headers.get('content-type')?.startsWith('text/html'))
    throw new FileDownloadError(reply.status);
  return new Uint8Array(await reply.arrayBuffer());
}
