import { startBot } from '../../src/app/bot.ts';
import { createLogger } from '../../src/lib/log.ts';
import { readBotSettings } from '../../src/settings.ts';
import { createFastClock } from '../../test/support/rigs/fast-clock.ts';

/** The bot as src/main.ts starts it, on a clock that runs BENCH_CLOCK_FACTOR times faster since BENCH_CLOCK_SINCE (epoch ms). */
const clock = createFastClock(Number(process.env.BENCH_CLOCK_FACTOR), Number(process.env.BENCH_CLOCK_SINCE));
const settings = readBotSettings(process.env);
const stop = await startBot(settings, createLogger(settings.process.logLevel), clock);
process.on('SIGTERM', () => void stop().then(() => process.exit(0)));
