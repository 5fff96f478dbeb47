import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request as httpsRequest, type Server } from 'node:https';
import type { AddressInfo, LookupFunction, Socket } from 'node:net';
import type { TLSSocket, TlsOptions } from 'node:tls';
import { type IssuedCertificate, makeSelfSignedCertificate, spkiPin } from '../../src/transport/certificates.js';

/** How the peer treats one request. */
export type Behaviour =
  | { kind: 'json'; status?: number; body?: unknown; headers?: Record<string, string> }
  | { kind: 'text'; status: number; contentType: string; body: string; headers?: Record<string, string> }
  | { kind: 'redirect'; status: number; location: string }
  /** Takes the request and never answers. */
  | { kind: 'hang' }
  /** A head at once, then a byte now and again, for ever. */
  | { kind: 'drip'; everyMs: number }
  | { kind: 'reset-mid-body' }
  | { kind: 'close-before-answer' }
  /** Bytes that are no HTTP. */
  | { kind: 'garbage' }
  /** Without `bytes`: endless, chunked. */
  | { kind: 'huge-body'; bytes?: number }
  | { kind: 'huge-headers'; bytes: number }
  /** 102 after 102, for ever. */
  | { kind: 'interim-flood' }
  /** Whatever a test can think of, byte by byte. */
  | { kind: 'bytes'; write: (socket: Socket) => void };

export interface RecordedConnection {
  /** Pin of the certificate that the client showed. */
  readonly clientPin: string | undefined;
  readonly serverName: string | false | null;
  readonly resumed: boolean;
  readonly socket: TLSSocket;
  /** Bytes of HTTP that arrived, after decryption. */
  httpBytes: number;
}

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Raw, as text. */
  readonly body: string;
  readonly connection: RecordedConnection;
}

export interface HostilePeerOptions {
  /** e.g. `evil.localhost` */
  readonly host: string;
  readonly webCertificate: IssuedCertificate;
  readonly behaviour?: Behaviour | ((request: RecordedRequest) => Behaviour);
  /** Default: any free one. */
  readonly port?: number;
  /** Where it listens. Default 127.0.0.1. */
  readonly address?: string;
  /** Further options of the TLS server: another `ca` to name in the certificate request, protocol versions … */
  readonly tls?: TlsOptions;
}

/** A peer on loopback that does what it is told and writes down all that happens to it. */
export class HostilePeer {
  behaviour: Behaviour | ((request: RecordedRequest) => Behaviour);
  /** TCP connections, whether or not a TLS handshake came of them. */
  dialled = 0;
  /** Connections whose TLS handshake was completed. */
  readonly connections: RecordedConnection[] = [];
  readonly requests: RecordedRequest[] = [];
  readonly #script: Behaviour[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #bySocket = new WeakMap<Socket, RecordedConnection>();

  private constructor(
    readonly host: string,
    /** Its federation certificate, self-signed for its host: what `call` shows. */
    readonly credential: IssuedCertificate,
    private readonly server: Server,
    behaviour: HostilePeer['behaviour'],
  ) {
    this.behaviour = behaviour;
    server.on('connection', (socket: Socket) => this.#track(socket));
    server.on('secureConnection', (socket) => this.#record(socket));
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  static async start({
    host,
    webCertificate,
    behaviour,
    port,
    address,
    tls,
  }: HostilePeerOptions): Promise<HostilePeer> {
    const server = createServer({
      cert: webCertificate.certificate,
      key: webCertificate.privateKey,
      requestCert: true,
      rejectUnauthorized: false, // takes whatever certificate the client shows, and records it
      ...tls,
    });
    const peer = new HostilePeer(host, await makeSelfSignedCertificate(host), server, behaviour ?? { kind: 'json' });
    server.listen(port ?? 0, address ?? '127.0.0.1');
    await once(server, 'listening');
    return peer;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `https://${this.host}:${this.port}`;
  }

  /** The next requests are treated in this way, one by one; after them `behaviour` holds again. */
  script(...behaviours: Behaviour[]): void {
    this.#script.push(...behaviours);
  }

  /** Shows another certificate on new connections. */
  present({ certificate, privateKey }: IssuedCertificate): void {
    this.server.setSecureContext({ cert: certificate, key: privateKey });
  }

  /** Acts as a client, under its own federation certificate unless the call names another. */
  call(to: string, options: CallOptions = {}): Promise<CallResult> {
    return call(to, { as: this.credential, ...options });
  }

  /** Ends every open connection; the listener stays. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.dropConnections();
    await closed;
  }

  #track(socket: Socket): void {
    this.dialled++;
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket)).on('error', () => undefined);
  }

  #record(socket: TLSSocket): void {
    const shown = socket.getPeerX509Certificate();
    const resumed = socket.isSessionReused();
    const clientPin = shown && spkiPin(shown);
    const connection = { clientPin, serverName: socket.servername, resumed, socket, httpBytes: 0 };
    socket.on('error', () => undefined).on('data', (bytes: Buffer) => (connection.httpBytes += bytes.length));
    this.#bySocket.set(socket, connection);
    this.connections.push(connection);
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const connection = this.#bySocket.get(incoming.socket);
    if (!connection) throw new Error('a request on an unknown connection');
    const { method = '', url: path = '', headers } = incoming;
    const body = Buffer.concat(await incoming.toArray()).toString();
    const request = { method, path, headers, body, connection };
    this.requests.push(request);
    const behaviour = this.#script.shift() ?? this.behaviour;
    behave(typeof behaviour === 'function' ? behaviour(request) : behaviour, response);
  }
}

function behave(behaviour: Behaviour, response: ServerResponse): void {
  const { socket } = response;
  if (!socket) return;
  switch (behaviour.kind) {
    case 'json': {
      const { status = 200, body = {}, headers } = behaviour;
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
      return;
    }
    case 'text':
      response
        .writeHead(behaviour.status, { 'content-type': behaviour.contentType, ...behaviour.headers })
        .end(behaviour.body);
      return;
    case 'redirect':
      response.writeHead(behaviour.status, { location: behaviour.location }).end();
      return;
    case 'hang':
      return;
    case 'drip':
      response.writeHead(200, { 'content-type': 'application/json' });
      repeat(socket, behaviour.everyMs, () => response.write(' '));
      return;
    case 'reset-mid-body':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write('{"half":', () => socket.destroy());
      return;
    case 'close-before-answer':
      socket.destroy();
      return;
    case 'garbage':
      socket.end('I am not HTTP at all\r\n\r\n');
      return;
    case 'huge-body':
      pour(response, behaviour.bytes ?? Number.POSITIVE_INFINITY);
      return;
    case 'huge-headers':
      response.writeHead(200, { 'x-huge': 'h'.repeat(behaviour.bytes) }).end();
      return;
    case 'bytes':
      behaviour.write(socket);
      return;
    case 'interim-flood':
      repeat(socket, 1, () => socket.write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(8)));
      return;
  }
}

function repeat(socket: Socket, everyMs: number, act: () => void): void {
  const timer = setInterval(act, everyMs);
  socket.once('close', () => clearInterval(timer));
}

/** Writes until the size is reached or the reader goes away, never more than the reader takes. */
function pour(response: ServerResponse, bytes: number): void {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  let left = bytes;
  const more = () => {
    while (left > 0 && !response.destroyed) {
      const part = chunk.subarray(0, Math.min(left, chunk.length));
      left -= part.length;
      if (!response.write(part)) return void response.once('drain', more);
    }
    response.end();
  };
  response.writeHead(200, { 'content-type': 'application/json' });
  more();
}

export interface CallOptions {
  readonly method?: string;
  /** Default `/`. */
  readonly path?: string;
  readonly headers?: Record<string, string>;
  /** Text is sent as it is, anything else as JSON. */
  readonly body?: unknown;
  /** The client certificate; none if undefined. */
  readonly as?: IssuedCertificate;
  /** PEM roots; without them the server's certificate is not checked. */
  readonly ca?: string | string[];
  /** Give one `keepAliveAgent()` to several calls to make them share a connection. */
  readonly agent?: Agent;
}

export interface CallResult {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON, undefined if it is none. */
  readonly json: unknown;
  /** Pin of the server's certificate on this connection. */
  readonly serverPin: string;
  /** Local port of the connection: tells connections apart. */
  readonly clientPort: number;
}

const LOOPBACK: LookupFunction = (_host, options, done) =>
  options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);

/** One connection at a time, kept open between calls. */
export function keepAliveAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 1, maxCachedSessions: 0 });
}

/** A raw HTTPS request to a listener on loopback; `to` is an origin such as `https://cloud1.localhost:8441`. */
export async function call(to: string, options: CallOptions = {}): Promise<CallResult> {
  const { method = 'GET', path = '/', headers, body, as, ca, agent } = options;
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const outgoing = httpsRequest(new URL(to), {
    method,
    path,
    headers: { ...(text === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    lookup: LOOPBACK,
    cert: as?.certificate,
    key: as?.privateKey,
    ca,
    rejectUnauthorized: ca !== undefined, // without roots the test is about what the server thinks of us
    agent: agent ?? new Agent({ maxCachedSessions: 0 }),
  });
  outgoing.end(text);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const socket = response.socket as TLSSocket;
  const { localPort: clientPort = 0 } = socket;
  const certificate = socket.getPeerX509Certificate();
  const received = Buffer.concat(await response.toArray()).toString();
  const { statusCode: status = 0 } = response;
  const serverPin = certificate ? spkiPin(certificate) : '';
  return { status, headers: response.headers, text: received, json: asJson(received), serverPin, clientPort };
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
