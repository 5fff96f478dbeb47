import { constants } from 'node:crypto';
import * as tls from 'node:tls';
import { Deadline } from './deadline.js';
import { Dialler } from './dialler.js';
import { type CheckedConnection, judged, shakeHands } from './handshake.js';
import { LeastRecentlyUsed } from './least-recently-used.js';
import { type ClientCredential, credentialKey, type PeerEndpoint } from './peer-endpoint.js';
import { addressesOf, checkAddresses } from './resolver.js';
import { codeOf, TransportFailure } from './transport-failure.js';
import type { TransportSettings } from './transport-settings.js';
import { Walk } from './walk.js';
import { webRoots } from './web-roots.js';

/** Opens connections to peers: resolve once, check every address, dial a checked one, judge the server, hand over. */
export class Connector {
  /** Reading all the roots takes some 20 ms and 1 MiB, and our credential is the same for nearly all peers. */
  readonly #contexts = new LeastRecentlyUsed<tls.SecureContext>(8);
  readonly #dialler: Dialler;

  constructor(private readonly settings: TransportSettings) {
    this.#dialler = new Dialler(settings);
  }

  /** @param walk is told how each step ends. @throws TransportFailure */
  async open(endpoint: PeerEndpoint, signal: AbortSignal, walk = new Walk()): Promise<CheckedConnection> {
    const { resolver, destinations, connectMs } = this.settings;
    const { host, port } = endpoint.base;
    const deadline = new Deadline(connectMs, signal);
    try {
      const context = this.#contextFor(endpoint);
      const addresses = await walk.take(
        'name',
        () => deadline.race(addressesOf(host, resolver)),
        (found) => `${host} resolves to ${found.join(', ')}`,
      );
      await walk.take(
        'address',
        () => checkAddresses(host, addresses, destinations),
        () => 'peers may live there',
      );
      const { socket } = await walk.take(
        'connect',
        () => this.#dialler.dial(addresses, port, deadline),
        ({ address }) => `connected to port ${port} of ${address}${this.#dialler.way}`,
      );
      const shaken = await walk.take(
        'tls',
        () => shakeHands(socket, endpoint, context, deadline.signal),
        (done) => done.socket.getProtocol() ?? 'TLS',
      );
      return await walk.take(
        'certificate',
        () => judged(shaken, endpoint),
        ({ pin, validUntil }) => `valid until ${validUntil.toISOString()}, its key is ${pin}`,
      );
    } finally {
      deadline.clear();
    }
  }

  #contextFor({ credential, proof }: PeerEndpoint): tls.SecureContext {
    const key = `${proof.kind} ${credentialKey(credential)}`;
    const known = this.#contexts.get(key);
    if (known) return known;
    const roots = proof.kind === 'web' ? webRoots(this.settings.extraRoots) : [];
    return this.#contexts.set(key, secureContext(credential, roots));
  }
}

function secureContext(credential: ClientCredential, roots: string[]): tls.SecureContext {
  try {
    return tls.createSecureContext({
      cert: credential.certificate,
      key: credential.privateKey.reveal(),
      ca: roots,
      minVersion: 'TLSv1.2',
      // A TLS 1.2 server could show another certificate in a renegotiation, and nothing would judge that one.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    });
  } catch (error) {
    throw new TransportFailure('tls-client', `our certificate cannot be used (${codeOf(error)})`);
  }
}
