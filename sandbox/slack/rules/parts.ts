import type { AppManifest } from '../manifest.ts';
import type { ResponseUrls } from '../response-urls.ts';
import type { SlackWorld } from '../slack-world.ts';
import type { SocketMode } from '../socket-mode.ts';
import type { Triggers } from '../triggers.ts';
import type { SlackClock } from '../workspace/clock.ts';
import type { Directory } from '../workspace/directory.ts';
import type { EventLog } from '../workspace/event-log.ts';
import type { Files } from '../workspace/files.ts';
import type { Ids } from '../workspace/ids.ts';
import type { Messages } from '../workspace/messages.ts';
import type { Views } from '../workspace/views.ts';

/** All parts of the local Slack. Each module names the parts it needs with Pick. */
export interface Parts {
  readonly clock: SlackClock;
  readonly ids: Ids;
  readonly log: EventLog;
  readonly manifest: AppManifest;
  readonly directory: Directory;
  readonly messages: Messages;
  readonly views: Views;
  readonly triggers: Triggers;
  readonly files: Files;
  readonly responseUrls: ResponseUrls;
  readonly world: SlackWorld;
  readonly socket: SocketMode;
  /** The base URL of this Slack, without a slash at the end. */
  readonly url: () => string;
}
