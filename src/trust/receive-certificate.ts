import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { Clock } from '../kernel/clock.js';
import { StateConflict, ValidationFailed } from '../kernel/federation-error.js';
import { Transactions } from '../persistence/transactions.js';
import type { AnnouncedCertificateDto, CertificateKnownDto } from './certificate.dto.js';
import { readCertificateOf } from './certificate-by-hand.js';
import { PeerKeys } from './peer-keys.js';
import type { PresentedCertificate } from './presented-certificate.js';
import type { RelationshipRow } from './relationship.entity.js';
import { Relationships } from './relationships.js';
import { CallerNotTrusted, PeerSuspended } from './trust-errors.js';
import { TrustRequests } from './trust-requests.js';
import type { TrustedPeer } from './trusted-peer.js';

const DAY = 86_400_000;
/** From `switchBy` on; see `PeerKeys.announce`. */
const GRACE = 7 * DAY;
/** Nobody knows so far ahead. */
const FARTHEST = 366 * DAY;

/**
 * A peer announces its next key, under the present one. An announcement takes the place of the one before; the present key
 * takes it back. Repeating it changes nothing.
 * @throws ValidationFailed; StateConflict if the key is ours, another peer's, or the one that is being retired, or if this
 * call came under that one: a key that was left must not name the next.
 */
@Injectable()
export class ReceiveCertificate {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly requests: TrustRequests,
    private readonly peerKeys: PeerKeys,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
  ) {}

  async execute(
    peer: TrustedPeer,
    { certificate: pem, switchBy }: AnnouncedCertificateDto,
  ): Promise<CertificateKnownDto> {
    const certificate = readCertificateOf(peer.origin, pem, this.clock.now());
    const moment = readSwitchBy(switchBy, this.clock.now());
    return this.transactions.run(async () => {
      await this.requests.holdAll();
      const row = await this.relationships.lock(peer.id);
      checkCaller(peer, row);
      if (certificate.pin === row.pin) return this.stay(row);
      return this.change(row, certificate, moment);
    });
  }

  private async stay(row: RelationshipRow): Promise<CertificateKnownDto> {
    if (await this.peerKeys.withdraw(row.id)) await this.record('trust.certificate-withdrawn', row);
    return { fingerprint: row.pin ?? '', validUntil: null };
  }

  private async change(
    row: RelationshipRow,
    certificate: PresentedCertificate,
    switchBy: Date,
  ): Promise<CertificateKnownDto> {
    const { pin } = certificate;
    await this.peerKeys.checkFree(pin, row.id);
    const known = await this.peerKeys.announced(row.id);
    const isNews = known?.pin !== pin || known.switchBy?.getTime() !== switchBy.getTime();
    await this.peerKeys.announce(row, certificate, switchBy);
    if (isNews) {
      await this.record('trust.certificate-announced', row, { announced: pin, switchBy: switchBy.toISOString() });
    }
    return { fingerprint: pin, validUntil: new Date(switchBy.getTime() + GRACE).toISOString() };
  }

  private record(action: string, { id, pin }: RelationshipRow, details: Record<string, string> = {}): Promise<void> {
    const all = { fingerprint: pin ?? '', ...details };
    return this.audit.record({ action, object: `service:${id}`, peer: id, details: all });
  }
}

/** As the row says now. */
function checkCaller(peer: TrustedPeer, row: RelationshipRow): void {
  if (row.state === 'SUSPENDED') throw new PeerSuspended();
  if (row.state !== 'TRUSTED') throw new CallerNotTrusted('trust ended meanwhile');
  if (row.pin !== peer.pin) throw new StateConflict('the call came under a key that is being retired');
}

/** May lie behind us: what is announced may arrive late. Not so far that the present key would end at once. */
function readSwitchBy(text: string, now: Date): Date {
  const moment = new Date(text);
  const ahead = moment.getTime() - now.getTime();
  if (ahead > -GRACE && ahead <= FARTHEST) return moment;
  throw ValidationFailed.of('switchBy', 'INVALID');
}
