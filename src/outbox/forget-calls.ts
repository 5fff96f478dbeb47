import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Transactions } from '../persistence/transactions.js';

const HOUR_MS = 60 * 60 * 1_000;
/** Rows a statement: what has piled up must not hold the table. */
const BATCH = 5_000;

/** What is remembered only so that a repeat is known, and how long. A peer repeats itself for 30 days at most. */
const FORGOTTEN = [
  { table: 'host_call', columns: 'credential, key', days: 1 },
  { table: 'inbox', columns: 'peer, key', days: 60 },
] as const;

/** Forgets, once an hour, which calls were answered too long ago for anybody to repeat them. */
@Injectable()
export class ForgetCalls implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Inbox');
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly transactions: Transactions) {}

  onApplicationBootstrap(): void {
    const run = () => {
      this.running = this.execute().catch((error: unknown) => this.logger.error('old calls stay', error));
    };
    this.timer = setInterval(run, HOUR_MS).unref();
    run();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  async execute(): Promise<void> {
    for (const { table, columns, days } of FORGOTTEN) {
      let gone: unknown[];
      do {
        gone = await this.transactions.query(
          `delete from federation.${table} where (${columns}) in (
             select ${columns} from federation.${table} where created_at < now() - make_interval(days => $1)
             limit ${BATCH} for update skip locked) returning key`,
          [days],
        );
      } while (gone.length === BATCH);
    }
  }
}
