import type { IncomingMessage, ServerResponse } from 'node:http';
import { type App, HTTPModuleFunctions, HTTPReceiver, isRawBodyError, type Receiver } from '@slack/bolt';
import type { Logger } from '../../../lib/log.ts';
import { createDeduplicator, type Deduplicator } from '../../intake/deduplicate.ts';
import { slackLogger } from '../clients.ts';

/** The path of the request URL of the app, for commands, interactivity and events. */
export const SLACK_PATH = '/slack/events';

/** Receives Slack's requests over HTTP in place of a Socket Mode connection. */
export interface HttpIntake {
  readonly receiver: Receiver;
  /** Answers one POST to `SLACK_PATH`. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Requests are accepted now. */
  isOpen(): boolean;
}

/** A modal with all its values is far below this; Slack's limit for a view is 250 KB. */
const MOST_BODY_BYTES = 1024 * 1024;
/** Slack signs with the time; Bolt refuses what is older than this, but not what is dated in the future. */
const MOST_AHEAD_MS = 5 * 60_000;
/** A signature is valid from 5 minutes before its timestamp until 5 minutes after it. */
const REMEMBER_MS = 2 * MOST_AHEAD_MS + 60_000;
const MOST_REMEMBERED = 50_000;
/** A signature as Slack writes it. Bolt also accepts one with `=` and any text after it. */
const SIGNATURE = /^v0=[0-9a-f]{64}$/;
/** Slack's check of the TLS certificate. Bolt does not verify it, and removes everything else from its body. */
const SSL_CHECK = 'ssl_check=1';
const NOT_VALID = 'its signature or timestamp is not valid';

/**
 * Bolt checks the signature and that the timestamp is at most 5 minutes old. This adds what Bolt does not check: a timestamp
 * in the future, and a request that was received before. Slack marks the repetition of a request that was not acknowledged
 * (X-Slack-Retry-Num); it is let through, and the intake recognises it by its trigger, so it is acknowledged and not
 * executed again. `now`: wall time, as in Slack's timestamps, epoch ms.
 */
export function createHttpIntake(
  settings: { readonly slackSigningSecret: string },
  ports: { readonly logger: Logger; readonly now: () => number },
): HttpIntake {
  const { logger, now } = ports;
  const { slackSigningSecret: signingSecret } = settings;
  const bolt = new HTTPReceiver({
    signingSecret,
    endpoints: SLACK_PATH,
    bodyLimit: MOST_BODY_BYTES,
    logger: slackLogger(logger),
  });
  const received: Deduplicator = createDeduplicator({ now }, REMEMBER_MS, MOST_REMEMBERED);
  let isOpen = false;

  /** The status with which a request is refused; undefined where Bolt answers it. Reads the body. */
  async function refusalOf(request: IncomingMessage): Promise<number | undefined> {
    if (!isOpen) return 503;
    const timestamp = Number(request.headers['x-slack-request-timestamp'] ?? 0);
    if (timestamp * 1_000 > now() + MOST_AHEAD_MS) return refuse('its timestamp is in the future');
    let body: string;
    try {
      // The body stays at the request: Bolt does not read it again.
      const options = { signingSecret, bodyLimit: MOST_BODY_BYTES };
      body = (await HTTPModuleFunctions.parseAndVerifyHTTPRequest(options, request)).rawBody.toString();
    } catch (error) {
      if (isRawBodyError(error) && error.statusCode === 413) {
        refuse(`its body is larger than ${MOST_BODY_BYTES} bytes`);
        return 413;
      }
      return refuse(NOT_VALID);
    }
    // Only verified signatures are remembered: otherwise anybody could fill the memory, or have a signature of Slack refused.
    if (body === SSL_CHECK) return;
    const signature = request.headers['x-slack-signature'];
    // With another text after the signature, the repetition of a request would look like a new one.
    if (typeof signature !== 'string' || !SIGNATURE.test(signature)) return refuse(NOT_VALID);
    const isRepeated = !received.isNew(signature);
    if (isRepeated && request.headers['x-slack-retry-num'] === undefined) return refuse('it was received before');
    return;
  }

  function refuse(why: string): 401 {
    logger.warn(`A request to ${SLACK_PATH} was refused: ${why}.`);
    return 401;
  }

  return {
    receiver: {
      init: (app: App) => bolt.init(app),
      async start() {
        isOpen = true;
      },
      async stop() {
        isOpen = false;
      },
    },
    isOpen: () => isOpen,
    async handle(request, response) {
      const status = await refusalOf(request);
      if (status === undefined) return bolt.requestListener(request, response);
      // The rest of a body that was not read would be taken for the next request.
      response.writeHead(status, status === 401 ? {} : { connection: 'close' });
      response.end();
    },
  };
}
