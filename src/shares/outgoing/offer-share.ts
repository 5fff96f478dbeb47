import { Injectable } from '@nestjs/common';
import { checkSwitch } from '../../access/switches.js';
import { OwnCloud } from '../../host/own-cloud.js';
import { HostCalls } from '../../outbox/host-calls.js';
import { CheckOffer, type NewShare } from './check-offer.js';
import { DescribeOutgoing } from './describe-outgoing.js';
import type { OutgoingShareDto } from './outgoing.dto.js';
import { RecordOffer } from './record-offer.js';

/**
 * An account of ours shares something with somebody of another cloud. The share and the promise to offer it are one
 * transaction; that the other cloud is down now is no error.
 */
@Injectable()
export class OfferShare {
  constructor(
    private readonly hostCalls: HostCalls,
    private readonly checkOffer: CheckOffer,
    private readonly recordOffer: RecordOffer,
    private readonly describe: DescribeOutgoing,
    private readonly cloud: OwnCloud,
  ) {}

  /**
   * @param key the caller's `Idempotency-Key`: for a day a repeat makes no second share
   * @throws ValidationFailed: `owner`, `shareWith`, `resourceId` NOT_FOUND, `expiresAt` INVALID; `shareWith` SUSPENDED,
   * NOT_ALLOWED: our operator has suspended the recipient's cloud, or does not share with it
   * @throws StateConflict if the key meant another share, or a plain OCM 0.0.3 peer has one of this resource already, or may have
   */
  execute(share: NewShare, key?: string): Promise<OutgoingShareDto> {
    checkSwitch(this.cloud, 'sharing');
    return this.hostCalls.once(
      { act: 'shares.outgoing.create', key, meaning: share },
      async (checked) => this.describe.one(await this.recordOffer.execute(checked)),
      () => this.checkOffer.execute(share),
    );
  }
}
