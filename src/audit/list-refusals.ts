import { Injectable } from '@nestjs/common';
import { type Cursor, momentText, PAGE_SIZE, type Page, pageOf } from '../persistence/keyset.js';
import { Transactions } from '../persistence/transactions.js';

/** How often callers of one network were refused for one reason within one hour. */
export interface Refusals {
  readonly reason: string;
  /** `/24` of IPv4, `/64` of IPv6; `*` for all beyond what is listed, `?` where there is no address. */
  readonly network: string;
  /** Its beginning, UTC. */
  readonly hour: string;
  readonly count: number;
}

const HOUR = momentText('hour');

// The key in one text: spaces are in neither part.
const PAGE = `
  select reason, network, ${HOUR} as hour, count::float8 as count from federation.audit_refusal
  where $2::timestamptz is null or (hour, reason || ' ' || network) < ($2::timestamptz, $3)
  order by hour desc, reason || ' ' || network desc limit $1`;

/** What callers were refused for, newest hour first; what was counted within the last second is not there yet. */
@Injectable()
export class ListRefusals {
  constructor(private readonly transactions: Transactions) {}

  async execute(cursor?: Cursor, limit: number = PAGE_SIZE): Promise<Page<Refusals>> {
    const rows = await this.transactions.query<Refusals>(PAGE, [limit + 1, cursor?.at ?? null, cursor?.id ?? null]);
    return pageOf(
      rows,
      limit,
      ({ hour, reason, network }) => ({ at: hour, id: `${reason} ${network}` }),
      (row) => row,
    );
  }
}
