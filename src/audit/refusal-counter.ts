import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { networkOf } from '../kernel/network.js';
import { Transactions } from '../persistence/transactions.js';

/** Rows that the table holds at most. */
export const MAX_ROWS = 10_000;
/** Counters held in memory between two flushes, and words for reasons in the life of a process. */
export const MAX_KEYS = 1_000;
const MAX_REASONS = 100;
const FLUSH_EVERY = 1_000;
const HOUR = 3_600_000;
/** What all those beyond a limit are counted under together. */
const REST = '*';

/** The letters "enteRefu" read as a 64-bit integer. */
const FLUSH_LOCK = '7308613709851452021';

const ADD = `
  insert into federation.audit_refusal as r (reason, network, hour, count)
  select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[])
  on conflict (reason, network, hour) do update set count = r.count + excluded.count`;

// Makes room for some more: the oldest hours are forgotten, of the newest hour the rarest networks are added up.
const FOLD = `
  with newest as (select max(hour) as hour from federation.audit_refusal),
  victim as (
    delete from federation.audit_refusal where ctid in (
      select r.ctid from federation.audit_refusal r, newest n where not (r.hour = n.hour and r.network = '${REST}')
      order by r.hour, r.count limit $1)
    returning reason, hour, count
  )
  insert into federation.audit_refusal as r (reason, network, hour, count)
  select v.reason, '${REST}', v.hour, sum(v.count) from victim v, newest n where v.hour = n.hour group by v.reason, v.hour
  on conflict (reason, network, hour) do update set count = r.count + excluded.count`;

interface Counter {
  readonly reason: string;
  readonly network: string;
  readonly hour: string;
  count: number;
}

/**
 * Counts refused strangers per reason, network and hour. They must not be able to make us write a row each, nor to fill
 * memory or the table: both are bounded, and what is beyond a bound is counted under `*`.
 */
@Injectable()
export class RefusalCounter implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(RefusalCounter.name);
  private readonly reasons = new Set<string>();
  private readonly news = new Set<string>();
  private newsHour = 0;
  private counters = new Map<string, Counter>();
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> = Promise.resolve();

  constructor(private readonly transactions: Transactions) {}

  /** @param reason one of our own words @param address IP address of the stranger */
  count(reason: string, address: string): void {
    const known = this.known(reason);
    const hour = new Date(Math.floor(Date.now() / HOUR) * HOUR).toISOString();
    const counter = this.counter(known, networkOf(address), hour) ?? this.counter(known, REST, hour, true);
    if (counter) counter.count += 1;
  }

  /**
   * Counts what a trusted caller was refused, and says whether it is the first of its kind in this hour: the one that an
   * audit row is worth. A caller must not be able to fill a trail from which nothing is ever removed.
   */
  isNews(reason: string, caller: string): boolean {
    this.count(reason, '');
    const hour = Math.floor(Date.now() / HOUR);
    if (hour !== this.newsHour) this.news.clear();
    this.newsHour = hour;
    const key = `${reason} ${caller}`;
    if (this.news.has(key) || this.news.size >= MAX_KEYS) return false;
    this.news.add(key);
    return true;
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.flush(), FLUSH_EVERY).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  /** Writes what was counted. If that fails the counts are kept for the next time. */
  flush(): Promise<void> {
    this.flushing = this.flushing.then(() => this.flushNow());
    return this.flushing;
  }

  private async flushNow(): Promise<void> {
    if (this.counters.size === 0) return;
    const counted = this.counters;
    this.counters = new Map();
    try {
      await this.write([...counted.values()]);
    } catch (error) {
      this.logger.warn(`counting refusals failed, will try again: ${error}`);
      this.takeBack(counted.values());
    }
  }

  private async write(counted: readonly Counter[]): Promise<void> {
    await this.transactions.run(async () => {
      await this.transactions.query(`select pg_advisory_xact_lock(${FLUSH_LOCK})`);
      const columns = (['reason', 'network', 'hour', 'count'] as const).map((name) => counted.map((row) => row[name]));
      await this.transactions.query(ADD, columns);
      const [table] = await this.transactions.query<{ size: string }>(
        'select count(*) as size from federation.audit_refusal',
      );
      const excess = Number(table?.size ?? 0) - MAX_ROWS;
      // Each reason may gain a row for the rest; there are at most so many.
      if (excess > 0) await this.transactions.query(FOLD, [excess + MAX_REASONS + 1]);
    });
  }

  private takeBack(counted: Iterable<Counter>): void {
    for (const { reason, network, hour, count } of counted) {
      const counter = this.counter(reason, network, hour) ?? this.counter(reason, REST, hour, true);
      if (counter) counter.count += count;
    }
  }

  /** The counter of that key, made if there is room for one; for the rest there is always room. */
  private counter(reason: string, network: string, hour: string, always = false): Counter | undefined {
    const key = `${reason} ${network} ${hour}`;
    const found = this.counters.get(key);
    if (found) return found;
    if (!always && this.counters.size >= MAX_KEYS) return undefined;
    const counter = { reason, network, hour, count: 0 };
    this.counters.set(key, counter);
    return counter;
  }

  private known(reason: string): string {
    if (this.reasons.size < MAX_REASONS) this.reasons.add(reason);
    return this.reasons.has(reason) ? reason : REST;
  }
}
