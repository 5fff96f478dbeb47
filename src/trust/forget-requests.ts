import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Transactions } from '../persistence/transactions.js';
import { TrustRequests } from './trust-requests.js';

const HOUR_MS = 60 * 60 * 1_000;

/** Removes, once an hour, what strangers claimed and nobody needs any more, also where no other handshake does so. */
@Injectable()
export class ForgetRequests implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Trust');
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly transactions: Transactions,
    private readonly requests: TrustRequests,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.running = this.execute().catch((error: unknown) => this.logger.error(`old requests stay: ${String(error)}`));
    }, HOUR_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  execute(): Promise<void> {
    return this.transactions.run(() => this.requests.holdAll());
  }
}
