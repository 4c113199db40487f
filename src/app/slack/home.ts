import { gatherHome } from '../../slack/home/gather-home.ts';
import { createHome, type Home } from '../../slack/home/home.ts';
import { createHomeRenderer, outdateHome } from '../../slack/home/render-home.ts';
import type { AccessParts } from './access.ts';
import type { ClientParts } from './clients.ts';
import type { SlackPorts } from './ports.ts';

/** The time between two updates of one person's Home tab, ms. */
const HOME_INTERVAL_MS = 10_000;

export function assembleHome(
  ports: SlackPorts,
  { answers, publishHome }: ClientParts,
  { permissions }: AccessParts,
): Home {
  const { runs, tables, checklist, autopilot, clock, onError } = ports;
  return createHome({
    gather: () => gatherHome({ runs, tables, checklist, autopilot, chat: answers, onError }),
    outdate: outdateHome,
    draw: createHomeRenderer({ permissions, clock }),
    publish: publishHome,
    clock,
    everyMs: HOME_INTERVAL_MS,
    onError,
  });
}
