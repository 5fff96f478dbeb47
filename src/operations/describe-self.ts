import { X509Certificate } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { OwnIdentity } from '../trust/own-identity.js';
import type { SelfDto } from './self.dto.js';
import { VERSION } from './version.js';

/** Says who we are, as peers see us. */
@Injectable()
export class DescribeSelf {
  constructor(
    private readonly cloud: OwnCloud,
    private readonly identity: OwnIdentity,
  ) {}

  execute(): SelfDto {
    const { certificate, pin } = this.identity.current();
    return {
      version: VERSION,
      origin: this.cloud.origin.toString(),
      endpoint: this.cloud.endpoint.toString(),
      displayName: this.cloud.displayName,
      domains: this.cloud.domains,
      certificate: { fingerprint: pin, notAfter: new Date(new X509Certificate(certificate).validTo).toISOString() },
      node: process.version,
      uptime: Math.floor(process.uptime()),
    };
  }
}
