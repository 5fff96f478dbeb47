import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { IssuedCertificate } from '../../src/transport/certificates.js';

export interface AskedTunnel {
  /** As it was written: `1.2.3.4:443`. */
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  /** The first bytes that our side sent into the tunnel. */
  first: Buffer;
}

/** What the proxy does instead of opening a tunnel. */
export type Refusal = { readonly status: number } | 'hang' | 'garbage' | 'endless-head' | 'speaks-first';

/**
 * A CONNECT proxy on loopback. Wherever a tunnel is asked to lead, it leads to that port of this machine: tests ask for
 * addresses of the public internet.
 */
export class ConnectProxy {
  refusal: Refusal | undefined;
  /** TCP connections to the proxy itself. */
  dialled = 0;
  readonly asked: AskedTunnel[] = [];
  /** Requests that were none for a tunnel. */
  readonly others: string[] = [];
  readonly #sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly scheme: 'http' | 'https',
  ) {
    server.on('connection', (socket: Socket) => {
      this.dialled++;
      this.#track(socket);
    });
    server.on('request', ({ url = '' }, response) => {
      this.others.push(url);
      response.writeHead(400).end();
    });
    server.on('connect', (request: IncomingMessage, socket: Socket) => this.#answer(request, socket));
  }

  /** @param certificate to speak TLS with those who ask */
  static async start(certificate?: IssuedCertificate): Promise<ConnectProxy> {
    const server = certificate
      ? createTlsServer({ cert: certificate.certificate, key: certificate.privateKey })
      : createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ConnectProxy(server, certificate ? 'https' : 'http');
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** @param userinfo such as `user:password` */
  url(userinfo = ''): string {
    return `${this.scheme}://${userinfo && `${userinfo}@`}localhost:${this.port}`;
  }

  async stop(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket)).on('error', () => socket.destroy());
  }

  #answer({ url: target = '', headers }: IncomingMessage, socket: Socket): void {
    const asked: AskedTunnel = { target, headers, first: Buffer.alloc(0) };
    this.asked.push(asked);
    socket.on('error', () => socket.destroy());
    const { refusal } = this;
    if (refusal === undefined) this.#lead(asked, socket);
    else if (refusal === 'garbage') socket.end('220 mail.example ESMTP\r\n');
    else if (refusal === 'endless-head') endless(socket);
    else if (refusal === 'speaks-first') socket.write('HTTP/1.1 200 OK\r\n\r\nwelcome');
    else if (refusal !== 'hang') socket.end(`HTTP/1.1 ${refusal.status} No\r\nContent-Length: 0\r\n\r\n`);
  }

  #lead(asked: AskedTunnel, socket: Socket): void {
    const port = Number(/:(\d+)$/.exec(asked.target)?.[1]);
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.once('data', (bytes: Buffer) => {
        asked.first = bytes;
      });
      socket.pipe(onward).pipe(socket);
    });
    this.#track(onward);
    onward.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
    socket.on('close', () => onward.destroy());
  }
}

function endless(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\n');
  const more = () => {
    while (!socket.destroyed && socket.write(`x-more: ${'m'.repeat(1_000)}\r\n`));
  };
  socket.on('drain', more);
  more();
}
