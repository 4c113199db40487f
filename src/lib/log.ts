import pino, { type Logger } from 'pino';
import type { Settings } from '../settings.ts';

export type { Logger };

/** The bot's log: JSON lines on stdout, errors with their causes, tokens never. */
export const createLogger = (level: Settings['LOG_LEVEL']): Logger =>
  pino({
    level,
    base: null,
    redact: ['token', '*.token', 'headers.authorization'],
    serializers: { cause: pino.stdSerializers.err },
  });
