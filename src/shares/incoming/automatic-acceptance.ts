import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../../host/own-cloud.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';
import { ShareClock, stateAt } from '../share-state.js';
import type { IncomingShareRow } from './incoming-share.entity.js';

/** Whether what a peer offers is accepted without asking its recipient: our setting, unless the peer's policy says otherwise. */
@Injectable()
export class AutomaticAcceptance {
  constructor(
    private readonly cloud: OwnCloud,
    private readonly clock: ShareClock,
  ) {}

  /** What has expired on arrival waits, whatever the setting: its owner may still prolong it. */
  async appliesTo(share: IncomingShareRow, { policy }: TrustedPeer): Promise<boolean> {
    const isAutomatic = policy.acceptInvitations ? policy.acceptInvitations === 'auto' : this.cloud.acceptAtOnce;
    return isAutomatic && stateAt(share, await this.clock.now(share)) !== 'expired';
  }
}
