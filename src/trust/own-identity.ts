import { createPrivateKey, X509Certificate } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { OptionRefused, OwnCloud } from '../host/own-cloud.js';
import { type SealContext, Secret } from '../kernel/secret.js';
import { Transactions } from '../persistence/transactions.js';
import { makeSelfSignedCertificate, spkiPin, subjectNames } from '../transport/certificates.js';
import type { ClientCredential } from '../transport/peer-endpoint.js';
import { InstallationRow, OwnKeyRow } from './own-key.entity.js';

/** Extended key usages: id-kp-clientAuth, id-kp-serverAuth (RFC 5280 section 4.2.1.12). */
const USAGES = ['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1'];

/** Milliseconds from begin to end of a certificate of `makeSelfSignedCertificate`. */
const MADE_FOR = (365 * 24 * 60 + 5) * 60_000;

/** Our federation certificate with its key, and the pin that peers know us by. */
export interface Identity extends ClientCredential {
  readonly pin: string;
  /** Whether we made the certificate, so that we may renew it. */
  readonly madeHere: boolean;
}

/**
 * Who we are to peers. Made or imported at first start; from then on it lies sealed in the database, so that all nodes
 * share it, and each node notices within about a second when it has changed there (`WatchIdentity`). Refuses to start under
 * a seal key that is not the database's.
 */
@Injectable()
export class OwnIdentity implements OnModuleInit {
  private identity: Identity | undefined;
  private readonly listeners: ((identity: Identity) => void)[] = [];

  constructor(
    private readonly transactions: Transactions,
    private readonly cloud: OwnCloud,
  ) {}

  /** @throws Error before the module is initialised. */
  current(): Identity {
    if (!this.identity) throw new Error('the federation identity is not loaded yet');
    return this.identity;
  }

  /** For what shows the certificate and has to be told of another one. */
  onChange(listener: (identity: Identity) => void): void {
    this.listeners.push(listener);
  }

  /** Takes over what the database has by now. */
  async reload(): Promise<void> {
    const [now] = await this.transactions.query<{ pin: string; certificate: string }>(
      'select pin, certificate from federation.own_key where retired_at is null',
    );
    const known = this.current();
    if (!now || (now.pin === known.pin && now.certificate === known.certificate)) return;
    const identity = await this.load();
    if (!identity) return;
    this.identity = identity;
    for (const listener of this.listeners) listener(identity);
  }

  async onModuleInit(): Promise<void> {
    this.identity = await this.transactions.run(async () => {
      // Nodes that start together for the first time must not make two identities.
      await this.transactions.query(`select pg_advisory_xact_lock(hashtext('entente own identity'))`);
      await this.claimInstallation();
      return (await this.load()) ?? (await this.create());
    });
  }

  private async claimInstallation(): Promise<void> {
    const { fingerprint } = this.cloud.sealKey;
    const installations = this.transactions.repository(InstallationRow);
    const known = await installations.findOneBy({ id: 'self' });
    if (!known) await installations.insert({ id: 'self', sealKeyFingerprint: fingerprint });
    else if (known.sealKeyFingerprint !== fingerprint) {
      const hint = this.cloud.options.sealKeyHint ?? 'copy the seal key file of a node that works with this database';
      throw new OptionRefused(
        'sealKey',
        `is not the one that seals this database (${known.sealKeyFingerprint}): ${hint}`,
      );
    }
  }

  private async load(): Promise<Identity | undefined> {
    const row = await this.transactions
      .repository(OwnKeyRow)
      .createQueryBuilder('key')
      .where('key.retired_at is null')
      .getOne();
    if (!row) return undefined;
    const { pin, certificate } = row;
    const privateKey = this.cloud.sealKey.open(row.privateKeySealed, ownKeySeal(pin));
    this.checkName(new X509Certificate(certificate), 'the federation certificate in the database');
    return { certificate, privateKey, pin, madeHere: isMadeHere(row) };
  }

  private async create(): Promise<Identity> {
    const given = this.cloud.options.federationCertificate;
    const { certificate, privateKey } = given ?? (await this.make());
    const pin = this.checkedPin(certificate, privateKey);
    const privateKeySealed = this.cloud.sealKey.seal(privateKey, ownKeySeal(pin));
    const madeHere = given === undefined;
    await this.transactions.repository(OwnKeyRow).insert({ pin, certificate, privateKeySealed, madeHere });
    return { certificate, privateKey, pin, madeHere };
  }

  private async make() {
    const { certificate, privateKey } = await makeSelfSignedCertificate(this.cloud.origin.host);
    return { certificate, privateKey: new Secret(privateKey) };
  }

  /** What peers would refuse is refused here, where somebody can still mend it. */
  private checkedPin(pem: string, privateKey: Secret): string {
    const certificate = new X509Certificate(pem);
    this.checkName(certificate, 'the certificate given');
    const refuse = (expected: string) => new OptionRefused('federationCertificate', expected);
    if (certificate.publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw refuse('needs a P-256 key');
    if (!USAGES.every((usage) => certificate.keyUsage?.includes(usage))) {
      throw refuse('needs the extended key usages clientAuth and serverAuth');
    }
    if (!(new Date(certificate.validFrom) <= new Date() && new Date() <= new Date(certificate.validTo))) {
      throw refuse(`is valid from ${certificate.validFrom} to ${certificate.validTo} only`);
    }
    if (!certificate.checkPrivateKey(createPrivateKey(privateKey.reveal()))) {
      throw refuse('and its key do not belong together');
    }
    return spkiPin(certificate);
  }

  private checkName(certificate: X509Certificate, which: string): void {
    const { host } = this.cloud.origin;
    if (subjectNames(certificate).join() === `dns:${host}`) return;
    throw new OptionRefused('federationCertificate', `${which} must carry exactly one name, the DNS name ${host}`);
  }
}

/** How a key of ours is sealed, whichever table it lies in. */
export function ownKeySeal(pin: string): SealContext {
  return ['own_key', pin, ''];
}

/** Where that was not written down: signed by itself, for exactly as long as those that we make. */
export function isMadeHere({ madeHere, certificate }: OwnKeyRow): boolean {
  if (madeHere !== null) return madeHere;
  const { issuer, subject, validFrom, validTo } = new X509Certificate(certificate);
  return issuer === subject && Date.parse(validTo) - Date.parse(validFrom) === MADE_FOR;
}
