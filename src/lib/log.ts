import pino, { type DestinationStream, type LevelWithSilent, type Logger } from 'pino';
import { jsonWithoutSecrets } from './redact.ts';

export type { Logger };

/**
 * A log of JSON lines, with the causes of errors and without credentials: in messages, in fields at any depth, and in what the
 * clients of Slack and AWS add to their errors. `destination`: stdout by default.
 */
export const createLogger = (level: LevelWithSilent, destination: DestinationStream = pino.destination(1)): Logger =>
  pino(
    {
      level,
      base: null,
      redact: ['token', '*.token', 'headers.authorization'],
      serializers: { cause: pino.stdSerializers.err },
      hooks: { streamWrite: (line) => `${jsonWithoutSecrets(line)}\n` },
    },
    destination,
  );
