import { Injectable } from '@nestjs/common';
import { checkSwitch } from '../access/switches.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { OwnCloud } from '../host/own-cloud.js';
import { Clock } from '../kernel/clock.js';
import { StateConflict } from '../kernel/federation-error.js';
import { Origin } from '../kernel/origin.js';
import { Transactions } from '../persistence/transactions.js';
import { readCertificateOf } from './certificate-by-hand.js';
import { PeerKeys } from './peer-keys.js';
import { PresentedKeys } from './presented-keys.js';
import type { ReapproveServiceDto } from './reapprove.dto.js';
import type { RelationshipRow } from './relationship.entity.js';
import { Relationships } from './relationships.js';
import { TrustRequests } from './trust-requests.js';

/**
 * Our operator has compared fingerprints with the operator of a peer that has another key now: the old one ends at once,
 * what there is between the clouds stays. The certificate is the one that was presented last, or the one that the operator
 * gives: strangers may present theirs in between, and a peer that only we call presents none.
 * @throws ValidationFailed `certificate`; NotFound; StateConflict if the fingerprint is not the certificate's, nothing was
 * presented, the key is in use elsewhere, or there is no trust to go on with
 */
@Injectable()
export class ReapproveService {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly requests: TrustRequests,
    private readonly peerKeys: PeerKeys,
    private readonly presentedKeys: PresentedKeys,
    private readonly audit: AuditTrail,
    private readonly cloud: OwnCloud,
    private readonly clock: Clock,
  ) {}

  execute(id: string, { fingerprint, certificate }: ReapproveServiceDto): Promise<void> {
    checkSwitch(this.cloud, 'federation');
    return this.transactions.run(async () => {
      await this.requests.holdAll();
      const row = await this.relationships.lock(id);
      if (row.state !== 'TRUSTED' && row.state !== 'SUSPENDED')
        throw new StateConflict('there is no trust to go on with');
      const pem = certificate ?? (await this.presentedKeys.find(id))?.certificate;
      if (pem === undefined) throw new StateConflict('it has presented no other key');
      const read = readCertificateOf(Origin.parse(row.origin), pem, this.clock.now());
      if (read.pin !== fingerprint) throw new StateConflict(`typed ${fingerprint}, presented ${read.pin}`);
      if (read.pin === row.pin) throw new StateConflict('it is the key that it has');
      await this.peerKeys.replace(row, read);
      await this.presentedKeys.forget(id);
      await this.record(row, read.pin);
    });
  }

  private record({ id, pin }: RelationshipRow, fingerprint: string): Promise<void> {
    const details = { before: pin ?? '', fingerprint };
    return this.audit.record({ action: 'trust.reapproved', object: `service:${id}`, peer: id, details });
  }
}
