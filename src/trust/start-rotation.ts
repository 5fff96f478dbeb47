import { Injectable } from '@nestjs/common';
import { checkSwitch } from '../access/switches.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { OwnCloud } from '../host/own-cloud.js';
import { StateConflict, ValidationFailed } from '../kernel/federation-error.js';
import { randomId } from '../kernel/ids.js';
import { Secret } from '../kernel/secret.js';
import { Transactions } from '../persistence/transactions.js';
import { makeSelfSignedCertificate, readCertificates, spkiPin } from '../transport/certificates.js';
import { OwnIdentity, ownKeySeal } from './own-identity.js';
import { OwnRotationRow } from './own-rotation.entity.js';
import { RotationPeers } from './rotation-peers.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Milliseconds from now to the switch. */
const SWITCH = { least: HOUR, usual: 7 * DAY, most: 30 * DAY } as const;

/**
 * Our operator wants another key: it is made, and every peer is told of it under the present one. Nothing else changes until
 * all have it, or until `switchBy`. @throws ValidationFailed `switchBy`; StateConflict while another rotation runs, or if a
 * proxy shows our federation certificate to peers: it could not be given the new key
 */
@Injectable()
export class StartRotation {
  constructor(
    private readonly transactions: Transactions,
    private readonly identity: OwnIdentity,
    private readonly peers: RotationPeers,
    private readonly audit: AuditTrail,
    private readonly cloud: OwnCloud,
  ) {}

  /** @param switchBy ISO 8601; default in seven days */
  async execute(switchBy?: string): Promise<void> {
    checkSwitch(this.cloud, 'federation');
    const { proxy, endpoint, origin } = this.cloud;
    if (proxy && !endpoint.equals(origin)) throw new StateConflict('the proxy holds the key that peers see');
    const moment = readSwitchBy(switchBy, await this.transactions.now());
    const next = await this.make();
    await this.transactions.run(async () => {
      const rows = await this.transactions.query(
        `insert into federation.own_rotation (id, pin, certificate, private_key_sealed, switch_by)
         values ($1, $2, $3, $4, $5) on conflict ((true)) where ended_at is null do nothing returning id`,
        [next.id, next.pin, next.certificate, next.privateKeySealed, moment],
      );
      if (rows.length === 0) throw new StateConflict('another rotation runs');
      await this.peers.hurry();
      await this.peers.tellNewcomers(next.id);
      await this.record(next.pin, moment);
    });
  }

  private async make(): Promise<Pick<OwnRotationRow, 'id' | 'pin' | 'certificate' | 'privateKeySealed'>> {
    const { certificate, privateKey } = await makeSelfSignedCertificate(this.cloud.origin.host);
    const pin = readCertificates(certificate).map(spkiPin).join();
    const privateKeySealed = this.cloud.sealKey.seal(new Secret(privateKey), ownKeySeal(pin));
    return { id: randomId(), pin, certificate, privateKeySealed };
  }

  private record(next: string, switchBy: Date): Promise<void> {
    const details = { fingerprint: this.identity.current().pin, next, switchBy: switchBy.toISOString() };
    return this.audit.record({ action: 'identity.rotation-started', object: 'identity:self', details });
  }
}

function readSwitchBy(text: string | undefined, now: Date): Date {
  if (text === undefined) return new Date(now.getTime() + SWITCH.usual);
  const moment = new Date(text);
  const ahead = moment.getTime() - now.getTime();
  // A minute of grace: who types an hour from now needs some time to send it.
  if (ahead >= SWITCH.least - 60_000 && ahead <= SWITCH.most) return moment;
  throw ValidationFailed.of('switchBy', 'INVALID');
}
