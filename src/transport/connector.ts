import { constants } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import * as tls from 'node:tls';
import { Deadline } from './deadline.js';
import { LeastRecentlyUsed } from './least-recently-used.js';
import { type ClientCredential, credentialKey, type PeerEndpoint } from './peer-endpoint.js';
import { permittedAddresses } from './resolver.js';
import { judgeServer, type ServerVerdict } from './server-verdict.js';
import { codeOf, failureOf, TransportFailure } from './transport-failure.js';
import type { TransportSettings } from './transport-settings.js';

/** A connection whose server has been judged and accepted. */
export interface CheckedConnection {
  readonly socket: tls.TLSSocket;
  /** The key that the server proved to hold on this very connection. */
  readonly pin: string;
  readonly validUntil: Date;
}

/** Addresses of one name that are dialled in turn; all of them have been checked. */
const ATTEMPTS = 4;

/** Opens connections to peers: resolve once, check every address, dial a checked one, judge the server, hand over. */
export class Connector {
  /** Reading all the roots takes some 20 ms and 1 MiB, and our credential is the same for nearly all peers. */
  readonly #contexts = new LeastRecentlyUsed<tls.SecureContext>(8);

  constructor(private readonly settings: TransportSettings) {}

  /** @throws TransportFailure */
  async open(endpoint: PeerEndpoint, signal: AbortSignal): Promise<CheckedConnection> {
    const deadline = new Deadline(this.settings.connectMs, signal);
    try {
      const context = this.#contextFor(endpoint);
      const tcp = await this.#dial(endpoint, deadline);
      return await secure(tcp, endpoint, context, deadline.signal);
    } finally {
      deadline.clear();
    }
  }

  async #dial({ base }: PeerEndpoint, deadline: Deadline): Promise<Socket> {
    const { resolver, destinations, connectMs } = this.settings;
    const addresses = (await deadline.race(permittedAddresses(base.host, resolver, destinations))).slice(0, ATTEMPTS);
    let failure = new TransportFailure('dns', `${base.host} has no address`);
    for (const address of addresses) {
      // Each address gets its share, so that a dead first one does not eat the time of the second.
      const share = new Deadline(connectMs / addresses.length, deadline.signal);
      try {
        return await opened(connectTcp({ host: address, port: base.port, noDelay: true }), 'connect', share.signal);
      } catch (error) {
        if (deadline.signal.aborted) throw deadline.signal.reason;
        const { reason } = failureOf(error, 'connect');
        failure = new TransportFailure(reason, `${base.authority} at ${address} (${codeOf(error)})`);
      } finally {
        share.clear();
      }
    }
    throw failure;
  }

  #contextFor({ credential, proof }: PeerEndpoint): tls.SecureContext {
    const key = `${proof.kind} ${credentialKey(credential)}`;
    const roots = proof.kind === 'web' ? [...webRoots(), ...this.settings.extraRoots] : [];
    return this.#contexts.get(key) ?? this.#contexts.set(key, secureContext(credential, roots));
  }
}

/** The public authorities that the runtime knows, and those of the operating system where the runtime can read them. */
function webRoots(): readonly string[] {
  const { getCACertificates } = tls as { getCACertificates?: (type: 'system') => string[] };
  return [...tls.rootCertificates, ...(getCACertificates?.('system') ?? [])];
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

/** Nothing but the TLS handshake is written before the server is judged; no session is ever handed in, so none is resumed. */
async function secure(tcp: Socket, endpoint: PeerEndpoint, secureContext: tls.SecureContext, signal: AbortSignal) {
  const { proof, base } = endpoint;
  const socket = tls.connect({
    socket: tcp,
    servername: base.host,
    secureContext,
    ALPNProtocols: ['http/1.1'],
    // A pinned certificate is usually self-signed: there the pin is the proof, and judgeServer fails closed.
    rejectUnauthorized: proof.kind === 'web',
    // Names are judged below, by the same rules on every version of the runtime.
    checkServerIdentity: () => undefined,
  });
  await opened(socket, 'secureConnect', signal).catch((error) => {
    const untrusted = proof.kind === 'web' && socket.authorizationError;
    if (untrusted) throw new TransportFailure('tls-chain', `${base.authority} (${untrusted})`);
    throw failureOf(error, 'connect');
  });
  const verdict = verdictOn(socket, endpoint);
  if (verdict.kind === 'accepted') return { socket, pin: verdict.pin, validUntil: verdict.validUntil };
  socket.destroy();
  throw new TransportFailure(verdict.reason, `${base.authority}: ${verdict.why}`);
}

/** A certificate that cannot be read is refused like one that can. */
function verdictOn(socket: tls.TLSSocket, { base, proof }: PeerEndpoint): ServerVerdict {
  try {
    const presented = { certificate: socket.getPeerX509Certificate(), chainVerified: socket.authorized };
    return judgeServer(presented, base.host, proof, new Date());
  } catch {
    return { kind: 'refused', reason: 'tls-chain', why: 'its certificate cannot be read' };
  }
}

/** The socket once the event has come; if an error or the signal is first, the socket is destroyed. */
async function opened<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
): Promise<S> {
  // Between two owners of a socket an error must not find nobody listening; the next owner sees it as destroyed.
  socket.on('error', () => undefined);
  try {
    await once(socket, event, { signal });
    return socket;
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? signal.reason : error;
  }
}
