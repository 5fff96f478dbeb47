import { Injectable } from '@nestjs/common';
import { Transactions } from '../persistence/transactions.js';

interface Expiring {
  readonly state: string;
  readonly expiresAt: Date | null;
}

/** The state of a share at a moment: what is live by its row has expired once its time is over. */
export function stateAt<Share extends Expiring>(share: Share, now: Date): Share['state'] | 'expired' {
  return isLive(share.state) && share.expiresAt !== null && share.expiresAt <= now ? 'expired' : share.state;
}

/** SQL for the same: rows of `share` that are in `:state` at the moment `:now`. */
export const IN_STATE = `(case when share.state in ('pending-delivery', 'pending', 'accepted') and share.expires_at <= :now
  then 'expired' else share.state end) = :state`;

/** Whether it has not ended. */
export function isLive(state: string): boolean {
  return state === 'pending-delivery' || state === 'pending' || state === 'accepted';
}

/** What time it is for shares: the database's time, which all nodes of a cloud share. */
@Injectable()
export class ShareClock {
  constructor(private readonly transactions: Transactions) {}

  /** Asked of the database only if one of the shares may have expired. */
  async now(...shares: readonly Expiring[]): Promise<Date> {
    const matters = shares.some(({ state, expiresAt }) => isLive(state) && expiresAt !== null);
    return matters ? this.transactions.now() : new Date();
  }

  /** For a statement that looks at many. */
  present(): Promise<Date> {
    return this.transactions.now();
  }
}
