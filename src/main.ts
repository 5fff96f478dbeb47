import 'reflect-metadata';
import { describeFailure, describeStart } from './standalone/describe-start.js';
import { readEnvironment } from './standalone/environment.js';
import { type RunningStandalone, startStandalone } from './standalone/start-standalone.js';

/** Ends in good order at the first signal, at once at the second; an error that nobody caught ends it with 1. */
function endWithProcess(running: RunningStandalone): void {
  let ending = false;
  const end = (code: number) => {
    if (ending) process.exit(1);
    ending = true;
    running.stop().then(
      () => process.exit(code),
      (error: unknown) => {
        console.error(`stopping failed: ${error instanceof Error ? error.stack : error}`);
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(0));
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      running.federation.logger.fatal(`${event}: nobody caught this`, error);
      end(1);
    });
  }
}

try {
  const running = await startStandalone(readEnvironment());
  endWithProcess(running);
  console.log(await describeStart(running));
} catch (error) {
  console.error(describeFailure(error));
  process.exit(1);
}
