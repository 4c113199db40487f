import { inspect } from 'node:util';
import { startBot } from './app/bot.ts';
import { HttpPortError } from './http/server.ts';
import { SettingsError } from './lib/environment.ts';
import { createLogger } from './lib/log.ts';
import { withoutSecrets } from './lib/redact.ts';
import { FaultError } from './pipeline/fault.ts';
import { readBotSettings } from './settings.ts';
import { SlackTokenError } from './slack/client/receiver/connection.ts';
import { ControlTableError } from './state/table/control-table.ts';

async function main(): Promise<void> {
  const settings = readBotSettings(process.env);
  const logger = createLogger(settings.process.logLevel);
  // The Socket Mode client rejects a promise of its own when its connection drops, and reconnects. A run must continue.
  process.on('unhandledRejection', (error) => logger.error({ err: error }, 'unhandled rejection'));
  // Node.js would print it as it is, with every field.
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'uncaught exception: exiting now');
    process.exit(1);
  });
  let isStopping = false;
  const starting = startBot(settings, logger);
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (isStopping) return;
      isStopping = true;
      logger.info({ signal }, 'stopping');
      // Unfinished work is stored and continues at the next start, so a call that hangs is not waited for.
      setTimeout(() => {
        logger.error('the shutdown takes too long: exiting now');
        process.exit(1);
      }, settings.process.shutdownMs);
      starting
        .then((stop) => stop())
        .then(
          () => process.exit(0),
          (error) => {
            logger.error({ err: error }, 'the shutdown failed');
            process.exit(1);
          },
        );
    });
  await starting;
}

/** Writes to stderr, without credentials: an error of a client can contain those of its request. */
const print = (text: string) => console.error(withoutSecrets(text));

main().catch((error: unknown) => {
  if (error instanceof SettingsError) {
    print('rescan-bot cannot start. Nothing was done. These settings are missing or malformed:');
    for (const line of error.lines) print(`  ${line}`);
  } else if (error instanceof ControlTableError || error instanceof FaultError) {
    print(`rescan-bot cannot start. Nothing was done.\n  ${error.fault.message}\n  ${error.fault.fix}`);
  } else if (error instanceof SlackTokenError) {
    print(`rescan-bot cannot start. No image was processed and no record was changed.\n  ${error.message}`);
  } else if (error instanceof HttpPortError) {
    print(`rescan-bot cannot start. Nothing was done.\n  ${error.message}`);
  } else {
    print(`rescan-bot cannot start: ${inspect(error)}`);
  }
  process.exit(1);
});
