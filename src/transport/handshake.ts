import type { Socket } from 'node:net';
import * as tls from 'node:tls';
import { opened } from './opened.js';
import type { PeerEndpoint } from './peer-endpoint.js';
import { judgeServer, type ServerVerdict } from './server-verdict.js';
import { codeOf, failureOf, TransportFailure } from './transport-failure.js';

/** A connection whose server has been judged and accepted. */
export interface CheckedConnection {
  readonly socket: tls.TLSSocket;
  /** The key that the server proved to hold on this very connection. */
  readonly pin: string;
  readonly validUntil: Date;
}

/** A connection that speaks TLS with somebody who has not been judged. */
export interface Shaken {
  readonly socket: tls.TLSSocket;
  /** Why TLS itself does not believe the certificate, in OpenSSL's words; the socket is destroyed then. */
  readonly untrusted?: string;
}

/** Nothing but the TLS handshake is written before the server is judged; no session is ever handed in, so none is resumed. */
export async function shakeHands(
  tcp: Socket,
  { proof, base }: PeerEndpoint,
  secureContext: tls.SecureContext,
  signal: AbortSignal,
): Promise<Shaken> {
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
  try {
    return { socket: await opened(socket, 'secureConnect', signal) };
  } catch (error) {
    const untrusted = proof.kind === 'web' && socket.authorizationError;
    if (untrusted) return { socket, untrusted: String(untrusted) };
    const { reason, detail } = failureOf(error, 'connect');
    throw reason === 'connect'
      ? new TransportFailure(reason, `no TLS with ${base.authority} (${codeOf(error)})`)
      : new TransportFailure(reason, detail);
  }
}

/** @throws TransportFailure `tls-chain`, `tls-name` or `tls-pin` */
export function judged({ socket, untrusted }: Shaken, endpoint: PeerEndpoint): CheckedConnection {
  const { authority } = endpoint.base;
  if (untrusted)
    throw new TransportFailure('tls-chain', `the certificate of ${authority} is not in order (${untrusted})`);
  const verdict = verdictOn(socket, endpoint);
  if (verdict.kind === 'accepted') return { socket, pin: verdict.pin, validUntil: verdict.validUntil };
  socket.destroy();
  throw new TransportFailure(verdict.reason, `the certificate of ${authority}: ${verdict.why}`);
}

/** A certificate that cannot be read is refused like one that can. */
function verdictOn(socket: tls.TLSSocket, { base, proof }: PeerEndpoint): ServerVerdict {
  try {
    const presented = { certificate: socket.getPeerX509Certificate(), chainVerified: socket.authorized };
    return judgeServer(presented, base.host, proof, new Date());
  } catch {
    return { kind: 'refused', reason: 'tls-chain', why: 'it cannot be read' };
  }
}
