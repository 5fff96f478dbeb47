import type { LoggerService } from '@nestjs/common';

/** Something that stops once, however often it is asked. */
export interface Stoppable {
  stop(): Promise<void>;
}

/** The same promise for everybody who asks to stop. */
export function once(stop: () => Promise<void>): () => Promise<void> {
  let stopping: Promise<void> | undefined;
  return () => {
    stopping ??= stop();
    return stopping;
  };
}

/**
 * Ties a server to its process: the first SIGTERM or SIGINT stops it and exits 0, a second one exits 1 at once; an error
 * that nobody caught is logged, then it stops and exits 1, because nobody knows what state such an error left behind. A
 * stop that fails exits 1 too.
 */
export function stopWithProcess(
  server: Stoppable,
  logger: LoggerService,
  host: Pick<NodeJS.Process, 'on' | 'exit'> = process,
): void {
  let code = 0;
  let asked = false;
  const leave = (because: number) => {
    code = Math.max(code, because);
    server.stop().then(
      () => host.exit(code),
      (error: unknown) => {
        logger.error('stopping failed', error);
        host.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    host.on(signal, () => {
      if (asked) host.exit(1);
      asked = true;
      leave(0);
    });
  const uncaught = (event: string) => (error: unknown) => {
    logger.error(`${event}: nobody caught this`, error);
    leave(1);
  };
  host.on('uncaughtException', uncaught('uncaughtException'));
  host.on('unhandledRejection', uncaught('unhandledRejection'));
}
