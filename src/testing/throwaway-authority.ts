import { CertificateAuthority, type KeyAndCertificate, Secret } from '../index.js';

/** A certificate authority that lives as long as the test: nobody else believes it. */
export class ThrowawayAuthority {
  private constructor(private readonly authority: CertificateAuthority) {}

  static async create(): Promise<ThrowawayAuthority> {
    return new ThrowawayAuthority(await CertificateAuthority.create('throwaway'));
  }

  /** PEM: for `outbound.extraRoots` of every cloud of the test, and for its clients. */
  get certificate(): string {
    return this.authority.certificate;
  }

  /** A web certificate for one host: `tls` of `createFederationAdapter`. */
  async issue(host: string): Promise<KeyAndCertificate> {
    const { certificate, privateKey } = await this.authority.issue(host);
    return { certificate, privateKey: new Secret(privateKey) };
  }
}
