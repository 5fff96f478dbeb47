import { DestinationPolicy } from './addresses.js';
import { readCertificates } from './certificates.js';
import type { OutboundProxy } from './outbound-proxy.js';
import { type NameResolver, SystemResolver } from './resolver.js';

/** How we call peers. Also the token under which it is injected. */
export class TransportSettings {
  /** Where peers may live. Default: the public internet. */
  readonly destinations: DestinationPolicy;
  /** PEM texts: roots for peers' web certificates besides the system's, until `PeerClient.judgeBy` gives others. */
  readonly extraRoots: readonly string[];
  readonly resolver: NameResolver;
  /** Through which every call leaves. Default: none, whatever the environment says. */
  readonly proxy: OutboundProxy | undefined;
  /** Milliseconds for one call, from waiting for a connection to the last byte of the body. Default 10,000. */
  readonly deadlineMs: number;
  /** Milliseconds of it for name, TCP and TLS together. Default 5,000. */
  readonly connectMs: number;
  /** Bytes of an answer's body that we read. Default 1 MiB. */
  readonly maxBodyBytes: number;
  /** Bytes of an answer's head that we read. Default 64 KiB. */
  readonly maxHeaderBytes: number;
  /** Peers to which connections are kept; beyond, the longest unused are closed. Default 512. */
  readonly maxPeers: number;

  /** @throws TypeError if an extra root cannot be read. */
  constructor(given: Partial<TransportSettings> = {}) {
    this.destinations = given.destinations ?? new DestinationPolicy();
    this.extraRoots = given.extraRoots ?? [];
    this.resolver = given.resolver ?? new SystemResolver();
    this.proxy = given.proxy;
    this.deadlineMs = given.deadlineMs ?? 10_000;
    this.connectMs = given.connectMs ?? 5_000;
    this.maxBodyBytes = given.maxBodyBytes ?? 1024 * 1024;
    this.maxHeaderBytes = given.maxHeaderBytes ?? 64 * 1024;
    this.maxPeers = given.maxPeers ?? 512;
    for (const pem of this.extraRoots) readCertificates(pem);
  }
}
