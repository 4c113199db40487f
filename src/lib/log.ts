import pino, { type LevelWithSilent, type Logger } from 'pino';

export type { Logger };

/** A log of JSON lines on stdout, with the causes of errors and without tokens. */
export const createLogger = (level: LevelWithSilent): Logger =>
  pino({
    level,
    base: null,
    redact: ['token', '*.token', 'headers.authorization'],
    serializers: { cause: pino.stdSerializers.err },
  });
