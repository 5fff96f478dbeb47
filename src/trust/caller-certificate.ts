import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { claimsCertificate, ForwardedCertificates, type Unusable } from './forwarded-certificate.js';
import { type PresentedCertificate, presentedCertificate } from './presented-certificate.js';

/** Why there is no certificate to judge. `proxy-spoof`: somebody who is not our proxy speaks as if it were. */
export type NoCertificate = Unusable | 'proxy-spoof';

/**
 * Where the certificate of a caller comes from: the TLS handshake of its connection, or the header of the proxy that ended
 * TLS. The proxy proves that the caller holds the key, and nothing else; whatever it says beside that is judged by us.
 */
@Injectable()
export class CallerCertificate {
  private readonly forwarded = new ForwardedCertificates();

  constructor(private readonly cloud: OwnCloud) {}

  of(request: IncomingMessage): PresentedCertificate | NoCertificate {
    const { proxy } = this.cloud;
    if (!proxy) return presentedCertificate(request.socket) ?? 'no-certificate';
    if (proxy.isAt(request.socket)) return this.forwarded.of(request);
    return claimsCertificate(request) ? 'proxy-spoof' : 'no-certificate';
  }
}
