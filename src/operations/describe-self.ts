import { X509Certificate } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { OwnCloud } from '../host/own-cloud.js';
import { spkiPin } from '../transport/certificates.js';
import { OwnIdentity } from '../trust/own-identity.js';
import { FederationAdapter } from './federation-adapter.js';
import type { SelfDto, ShownCertificateDto } from './self.dto.js';
import { VERSION } from './version.js';

/** Says who we are, as peers see us. */
@Injectable()
export class DescribeSelf {
  constructor(
    private readonly cloud: OwnCloud,
    private readonly identity: OwnIdentity,
    private readonly host: HttpAdapterHost,
  ) {}

  execute(): SelfDto {
    const { certificate, pin } = this.identity.current();
    const federation = shown(certificate, pin);
    const { httpAdapter: adapter } = this.host;
    const web = adapter instanceof FederationAdapter ? adapter.webCertificate : undefined;
    return {
      version: VERSION,
      origin: this.cloud.origin.toString(),
      endpoint: this.cloud.endpoint.toString(),
      displayName: this.cloud.displayName,
      domains: this.cloud.domains,
      certificate: { fingerprint: federation.fingerprint, notAfter: federation.until },
      federationCertificate: federation,
      webCertificate: web ? shown(web.certificate) : null,
      node: process.version,
      uptime: Math.floor(process.uptime()),
    };
  }
}

function shown(pem: string, pin?: string): ShownCertificateDto {
  const leaf = new X509Certificate(pem);
  return { fingerprint: pin ?? spkiPin(leaf), until: new Date(leaf.validTo).toISOString() };
}
