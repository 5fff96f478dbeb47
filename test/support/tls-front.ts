import { once } from 'node:events';
import { request as httpRequest, type RequestOptions } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { IssuedCertificate } from '../../src/transport/certificates.js';

export interface TlsFrontOptions {
  readonly port: number;
  readonly web: IssuedCertificate;
  /** Where the cloud listens, and from where it is called. */
  readonly backend: Pick<RequestOptions, 'host' | 'port' | 'socketPath' | 'localAddress'>;
}

/** The least proxy there can be: ends TLS, and hands the caller's certificate on as RFC 9440 says. */
export class TlsFront {
  private constructor(private readonly server: Server) {}

  static async start({ port, web, backend }: TlsFrontOptions): Promise<TlsFront> {
    const tls = { cert: web.certificate, key: web.privateKey, requestCert: true, rejectUnauthorized: false };
    const server = createServer(tls, (incoming, response) => {
      const { method, url, headers } = incoming;
      const certificate = (incoming.socket as TLSSocket).getPeerX509Certificate();
      const added = certificate && { 'client-cert': `:${certificate.raw.toString('base64')}:` };
      const onward = {
        ...backend,
        method,
        path: url,
        headers: { ...headers, 'x-forwarded-for': '127.0.0.1', ...added },
      };
      const outgoing = httpRequest(onward, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      outgoing.once('error', () => response.destroy());
      incoming.pipe(outgoing);
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new TlsFront(server);
  }

  async stop(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }
}
