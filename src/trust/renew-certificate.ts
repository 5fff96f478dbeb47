import { X509Certificate } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { OwnCloud } from '../host/own-cloud.js';
import { Clock } from '../kernel/clock.js';
import { Transactions } from '../persistence/transactions.js';
import { makeSelfSignedCertificate } from '../transport/certificates.js';
import { isMadeHere, OwnIdentity, ownKeySeal } from './own-identity.js';
import { OwnKeyRow } from './own-key.entity.js';

/**
 * A certificate that we made ourselves is made again over the same key when two thirds of its life are over: peers know the
 * key, so nobody has to be told. One that was given to us is for others to renew.
 */
@Injectable()
export class RenewCertificate {
  constructor(
    private readonly transactions: Transactions,
    private readonly identity: OwnIdentity,
    private readonly audit: AuditTrail,
    private readonly cloud: OwnCloud,
    private readonly clock: Clock,
  ) {}

  async execute(): Promise<void> {
    const { madeHere, certificate } = this.identity.current();
    if (madeHere && this.isDue(certificate)) await this.transactions.run(() => this.renew());
  }

  /** One node does so; the others find another certificate in the row. */
  private async renew(): Promise<void> {
    const row = await this.transactions
      .repository(OwnKeyRow)
      .createQueryBuilder('key')
      .where('key.retired_at is null')
      .setLock('pessimistic_write')
      .setOnLocked('skip_locked')
      .getOne();
    if (!row || !isMadeHere(row) || !this.isDue(row.certificate)) return;
    const { pin } = row;
    const privateKey = this.cloud.sealKey.open(row.privateKeySealed, ownKeySeal(pin)).reveal();
    const { certificate } = await makeSelfSignedCertificate(this.cloud.origin.host, { privateKey });
    await this.transactions.repository(OwnKeyRow).update({ pin }, { certificate, madeHere: true });
    const notAfter = new Date(new X509Certificate(certificate).validTo).toISOString();
    const details = { fingerprint: pin, notAfter };
    await this.audit.record({ action: 'identity.certificate-renewed', object: 'identity:self', details });
  }

  private isDue(pem: string): boolean {
    const { validFrom, validTo } = new X509Certificate(pem);
    const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
    return this.clock.now().getTime() >= from + (2 / 3) * (to - from);
  }
}
