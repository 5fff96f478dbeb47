import { createPrivateKey, X509Certificate } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { OptionRefused, OwnCloud } from '../host/own-cloud.js';
import { type SealContext, Secret } from '../kernel/secret.js';
import { Transactions } from '../persistence/transactions.js';
import { dnsNames, makeSelfSignedCertificate, spkiPin } from '../transport/certificates.js';
import type { ClientCredential } from '../transport/peer-endpoint.js';
import { InstallationRow, OwnKeyRow } from './own-key.entity.js';

/** Our federation certificate with its key, and the pin that peers know us by. */
export interface Identity extends ClientCredential {
  readonly pin: string;
}

/**
 * Who we are to peers. Made or imported at first start; from then on it lies sealed in the database, so that all nodes
 * share it. Refuses to start under a seal key that is not the database's.
 */
@Injectable()
export class OwnIdentity implements OnModuleInit {
  private identity: Identity | undefined;

  constructor(
    private readonly transactions: Transactions,
    private readonly cloud: OwnCloud,
  ) {}

  /** @throws Error before the module is initialised. */
  current(): Identity {
    if (!this.identity) throw new Error('the federation identity is not loaded yet');
    return this.identity;
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
    const privateKey = this.cloud.sealKey.open(row.privateKeySealed, sealContext(row.pin));
    return { certificate: row.certificate, privateKey, pin: row.pin };
  }

  private async create(): Promise<Identity> {
    const { certificate, privateKey } = this.cloud.options.federationCertificate ?? (await this.make());
    const pin = this.checkedPin(certificate, privateKey);
    const privateKeySealed = this.cloud.sealKey.seal(privateKey, sealContext(pin));
    await this.transactions.repository(OwnKeyRow).insert({ pin, certificate, privateKeySealed });
    return { certificate, privateKey, pin };
  }

  private async make() {
    const { certificate, privateKey } = await makeSelfSignedCertificate(this.cloud.origin.host);
    return { certificate, privateKey: new Secret(privateKey) };
  }

  /** Peers refuse a certificate that does not name exactly us: better to hear it now. */
  private checkedPin(pem: string, privateKey: Secret): string {
    const certificate = new X509Certificate(pem);
    const names = dnsNames(certificate);
    if (names.length !== 1 || names[0] !== this.cloud.origin.host) {
      throw new OptionRefused('federationCertificate', `must have exactly one DNS name, ${this.cloud.origin.host}`);
    }
    if (!certificate.checkPrivateKey(createPrivateKey(privateKey.reveal()))) {
      throw new OptionRefused('federationCertificate', 'and its key do not belong together');
    }
    return spkiPin(certificate);
  }
}

function sealContext(pin: string): SealContext {
  return ['own_key', pin, ''];
}
