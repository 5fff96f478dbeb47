import type { IncomingMessage } from 'node:http';
import type { PresentedCertificate } from './presented-certificate.js';
import type { TrustedPeer } from './trusted-peer.js';

/** What the guards of this folder need of a request, and what they leave on it. */
export interface PeerRequest {
  readonly raw: IncomingMessage;
  federationPeer?: TrustedPeer;
  /** Of a caller whose certificate is in order but whom nobody has to know. */
  federationStranger?: Stranger;
}

/** A caller that holds the key of a certificate which names exactly one host, and is within its dates. */
export interface Stranger {
  readonly certificate: PresentedCertificate;
  readonly host: string;
  /** The address that the call counts for. */
  readonly address: string;
}
