import { once } from 'node:events';
import { type IncomingMessage, request, STATUS_CODES } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import * as tls from 'node:tls';
import { opened } from './opened.js';
import type { OutboundProxy } from './outbound-proxy.js';
import { codeOf, TransportFailure } from './transport-failure.js';
import { webRoots } from './web-roots.js';

/** Bytes of the head with which a proxy answers. */
const MAX_HEAD = 16 * 1024;

/** Connections through a CONNECT proxy (RFC 9110 section 9.3.6). What runs in them is TLS between us and the peer. */
export class Tunnel {
  #context: tls.SecureContext | undefined;

  /** @param extraRoots PEM texts, for the proxy's own certificate if we speak TLS with it. */
  constructor(
    readonly proxy: OutboundProxy,
    private readonly extraRoots: readonly string[],
  ) {}

  /**
   * A connection to the address, in which no byte has been sent.
   * @throws TransportFailure `proxy`; `connect` if the proxy works and cannot reach the address; the signal's reason
   */
  async open(address: string, port: number, signal: AbortSignal): Promise<Socket> {
    const target = isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
    const socket = await this.#reach(signal);
    try {
      await this.#ask(socket, target, signal);
      return socket;
    } catch (error) {
      socket.destroy();
      throw signal.aborted ? signal.reason : this.#failure(error);
    }
  }

  async #reach(signal: AbortSignal): Promise<Socket> {
    const { host, port, secure } = this.proxy;
    try {
      const tcp = await opened(connect({ host, port, noDelay: true }), 'connect', signal);
      return secure ? await opened(this.#encrypted(tcp), 'secureConnect', signal) : tcp;
    } catch (error) {
      throw signal.aborted ? signal.reason : this.#failure(error);
    }
  }

  #encrypted(socket: Socket): tls.TLSSocket {
    const { host } = this.proxy;
    this.#context ??= tls.createSecureContext({ ca: webRoots(this.extraRoots), minVersion: 'TLSv1.2' });
    const servername = isIP(host) ? '' : host;
    // Our certificate is for peers; a variable of the environment must not switch the check off.
    return tls.connect({ socket, host, servername, secureContext: this.#context, rejectUnauthorized: true });
  }

  async #ask(socket: Socket, target: string, signal: AbortSignal): Promise<void> {
    const { authorization } = this.proxy;
    const asking = request({
      method: 'CONNECT',
      path: target,
      headers: { host: target, ...(authorization ? { 'proxy-authorization': authorization.reveal() } : {}) },
      maxHeaderSize: MAX_HEAD,
      createConnection: () => socket,
    });
    // When the signal ends the wait, the request fails once more, and nobody waits for it any longer.
    asking.on('error', () => undefined);
    const answer = once(asking, 'connect', { signal });
    asking.end();
    const [{ statusCode = 0 }, , early] = (await answer) as [IncomingMessage, Socket, Buffer];
    if (statusCode < 200 || statusCode > 299) throw this.#refusal(target, statusCode);
    if (early.length > 0) throw new TransportFailure('proxy', `the proxy ${this.proxy} speaks before the peer does`);
  }

  /** A proxy that answers 5xx has tried. */
  #refusal(target: string, status: number): TransportFailure {
    const words = `${status} ${STATUS_CODES[status] ?? ''}`.trim();
    if (status >= 500) return new TransportFailure('connect', `the proxy ${this.proxy} answers ${words}`);
    return new TransportFailure('proxy', `the proxy ${this.proxy} opens no tunnel to ${target}: it answers ${words}`);
  }

  #failure(error: unknown): TransportFailure {
    if (error instanceof TransportFailure) return error;
    return new TransportFailure('proxy', `the proxy ${this.proxy} cannot be used (${codeOf(error)})`);
  }
}
