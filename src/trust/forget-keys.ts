import { Injectable } from '@nestjs/common';
import { Alerts } from '../audit/alerts.js';
import { type EndedTrust, OnTrustEnded, TrustEndHandler } from './on-trust-ended.js';
import { PresentedKeys } from './presented-keys.js';

/** Whatever there was to find out about the peer's keys, and ours there, is over with the trust. */
@Injectable()
@OnTrustEnded()
export class ForgetKeys extends TrustEndHandler {
  constructor(
    private readonly presentedKeys: PresentedKeys,
    private readonly alerts: Alerts,
  ) {
    super();
  }

  override async trustEnded({ relationship }: EndedTrust): Promise<void> {
    await this.presentedKeys.forget(relationship);
    await this.alerts.settleAllOf(relationship);
  }
}
