import { Injectable, Logger } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { Transactions } from '../persistence/transactions.js';
import { type Claim, Claims, FenceLost } from './claims.js';
import type { Attempt, Delivery, DeliveryHandler, Settlement } from './delivery-handler.js';
import { Handlers } from './handlers.js';
import { inTime, openDelivery } from './open-delivery.js';
import { waitAfter } from './retry-schedule.js';

const INTERNAL = 'internal-error';
const EXPIRED_HERE = { kind: 'expired', reason: INTERNAL } as const;
const RECORDED = { delivered: 'delivered', refused: 'refused', expired: 'expired', pointless: 'cancelled' } as const;

/** One attempt at one delivery: say it outside of any transaction, then record how it ended and what follows in one. */
@Injectable()
export class AttemptDelivery {
  private readonly logger = new Logger('Outbox');

  constructor(
    private readonly handlers: Handlers,
    private readonly claims: Claims,
    private readonly transactions: Transactions,
    private readonly cloud: OwnCloud,
  ) {}

  async execute(claim: Claim): Promise<void> {
    try {
      const delivery = openDelivery(claim, this.cloud.sealKey);
      const handler = this.handlerOf(claim);
      const attempt = await inTime(handler.attempt(delivery));
      const settlement = settlementOf(attempt, claim);
      if (settlement) await this.settle(claim, handler, delivery, settlement);
      else if (attempt.kind === 'retry') await this.postpone(claim, attempt);
    } catch (error) {
      if (error instanceof FenceLost) return this.logger.warn(error.message);
      this.logger.error(`delivery ${claim.id} (${claim.kind}) failed here`, error);
      if (claim.expired) await this.bury(claim);
      else await this.postpone(claim, { kind: 'retry', reason: INTERNAL });
    }
  }

  /** Its time is over, and it cannot even be attempted. Its act hears of it if it can; trying ends in any case. */
  private async bury(claim: Claim): Promise<void> {
    const handler = this.handlers.find(claim.kind);
    const { id, peer, meaning, attempts: attempt } = claim;
    try {
      if (handler) return await this.settle(claim, handler, { id, peer, meaning, attempt }, EXPIRED_HERE);
    } catch (error) {
      if (error instanceof FenceLost) return;
      this.logger.error(`delivery ${id} (${claim.kind}) cannot be settled`, error);
    }
    await this.claims.settle(claim, 'expired', INTERNAL);
  }

  private handlerOf(claim: Claim): DeliveryHandler {
    const handler = this.handlers.find(claim.kind);
    if (!handler) throw new TypeError(`nobody delivers ${claim.kind}`);
    return handler;
  }

  /** What is locked here is locked in the order of the acts: the subject first, its delivery last. */
  private settle(claim: Claim, handler: DeliveryHandler, delivery: Delivery<unknown>, settlement: Settlement) {
    return this.transactions.run(async () => {
      await handler.settled(delivery, settlement);
      await this.claims.settle(claim, RECORDED[settlement.kind], reasonOf(settlement));
    });
  }

  private async postpone(claim: Claim, attempt: Extract<Attempt, { kind: 'retry' }>): Promise<void> {
    const seconds = waitAfter(claim.attempts, Math.random(), attempt.retryAfterSeconds);
    await this.claims.postpone(claim, seconds, attempt.reason);
    this.logger.warn(
      `delivery ${claim.id} (${claim.kind}) to ${claim.peer}: ${attempt.reason}, again in ${Math.round(seconds)} s`,
    );
  }
}

function settlementOf(attempt: Attempt, claim: Claim): Settlement | undefined {
  if (attempt.kind !== 'retry') return attempt;
  return claim.expired ? { kind: 'expired', reason: attempt.reason } : undefined;
}

function reasonOf(settlement: Settlement): string | null {
  if (settlement.kind === 'delivered') return null;
  return settlement.kind === 'refused' ? settlement.code : settlement.reason;
}
