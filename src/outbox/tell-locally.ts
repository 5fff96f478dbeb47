import { Injectable, Logger } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { type Claim, Claims, FenceLost } from './claims.js';
import { Handlers } from './handlers.js';
import { inTime, openDelivery } from './open-delivery.js';
import { waitAfter } from './retry-schedule.js';

const INTERNAL = 'internal-error';

/** One attempt to tell something within this process; what does not succeed is put off, or given up when its time is over. */
@Injectable()
export class TellLocally {
  private readonly logger = new Logger('Outbox');

  constructor(
    private readonly claims: Claims,
    private readonly handlers: Handlers,
    private readonly cloud: OwnCloud,
  ) {}

  /** @returns whether it was told and is still to be settled */
  async execute(claim: Claim): Promise<boolean> {
    const reason = await this.tell(claim).catch((error: unknown) => {
      this.logger.error(`delivery ${claim.id} (${claim.kind}) failed here`, error);
      return INTERNAL;
    });
    if (reason === undefined) return true;
    await this.putOff(claim, reason);
    return false;
  }

  /** @returns why it was not told */
  private async tell(claim: Claim): Promise<string | undefined> {
    const handler = this.handlers.findLocal(claim.kind);
    if (!handler) throw new TypeError(`nobody tells ${claim.kind}`);
    const telling = handler.tell(openDelivery(claim, this.cloud.sealKey));
    const attempt = await inTime(telling.then(() => ({ kind: 'delivered' })));
    return attempt.kind === 'retry' ? attempt.reason : undefined;
  }

  private async putOff(claim: Claim, reason: string): Promise<void> {
    if (!claim.expired) return this.claims.postpone(claim, waitAfter(claim.attempts, Math.random()), reason);
    await this.claims.settle(claim, 'expired', reason).catch((error: unknown) => {
      if (!(error instanceof FenceLost)) throw error;
      this.logger.warn(error.message);
    });
  }
}
