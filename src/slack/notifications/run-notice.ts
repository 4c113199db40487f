import type { RunEvent } from '../../run/model/types.ts';
import type { Alert } from '../messages/run/alerts.ts';
import type { Notice, NotifyEvent } from './targets.ts';

/**
 * What the alert about an event of a run notifies people of; undefined for what nobody has to act on or wait for. An
 * interruption counts as a fault only where the channel hears of it: otherwise the bot resumes the run by itself.
 */
export function runNotice(event: RunEvent, alert: Pick<Alert, 'to' | 'isEarly'>): Notice | undefined {
  const kind = eventOf(event, alert);
  if (!kind) return;
  const isRepeat = 'isKnown' in event && event.isKnown;
  return { event: kind, starters: [event.snapshot.startedBy], ...(isRepeat && { isRepeat: true }) };
}

function eventOf(event: RunEvent, alert: Pick<Alert, 'to' | 'isEarly'>): NotifyEvent | undefined {
  const { state } = event.snapshot;
  switch (event.kind) {
    case 'draining':
      return alert.isEarly ? (event.why === 'trip' ? 'trip' : 'fault') : undefined;
    case 'tripped':
      return 'trip';
    case 'paused':
      return state.kind === 'paused' && state.because.kind === 'fault' ? 'fault' : undefined;
    case 'interrupted':
    case 'left':
      return alert.to === 'channel' ? 'fault' : undefined;
    case 'completed':
      return 'finished';
    case 'progress':
    case 'started':
    case 'resumed':
    case 'pace-changed':
    case 'canary-passed':
    case 'warning-began':
    case 'warning-ended':
    case 'first-failure':
    case 'connection-broken':
    case 'stopped':
    case 'abandoned':
      return;
  }
}
