import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { canonicalAddress, Networks } from '../kernel/cidr.js';

/** A reverse proxy on this machine ends TLS, and hands the caller's certificate on (`Client-Cert`, RFC 9440). */
export interface ProxyOptions {
  /**
   * Whose headers are believed. `unix`: of whoever may open the unix socket that we listen on. Else networks in CIDR form
   * that the proxy calls from; on loopback every process of this machine is then the proxy.
   */
  readonly trusted: 'unix' | readonly string[];
}

/** The proxy before our listener: which connections are its, and what it says of a caller's address. */
export class TrustedProxy {
  readonly #networks?: Networks;

  /** @throws TypeError naming what is not a network. */
  constructor({ trusted }: ProxyOptions) {
    if (trusted === 'unix') return;
    if (trusted.length === 0) throw new TypeError('no network is named');
    this.#networks = new Networks();
    for (const network of trusted) this.#networks.addCidr(network);
  }

  /** Whether it reaches us through a unix socket. */
  get isOnSocket(): boolean {
    return this.#networks === undefined;
  }

  /** Whether this connection is the proxy's. Connections through a unix socket have no address. */
  isAt({ remoteAddress }: Socket): boolean {
    if (!this.#networks) return remoteAddress === undefined;
    const address = canonicalAddress(remoteAddress ?? '');
    return address !== undefined && this.#networks.has(address);
  }

  /**
   * The address that the proxy accepted a connection from: the last one in `X-Forwarded-For`, whose others are the
   * caller's own words. Empty if the proxy names none.
   */
  callerOf(request: IncomingMessage): string {
    if (!this.isAt(request.socket)) return request.socket.remoteAddress ?? '';
    const hops = String(request.headers['x-forwarded-for'] ?? '').split(',');
    return canonicalAddress(hops.at(-1)?.trim() ?? '') ?? '';
  }
}
