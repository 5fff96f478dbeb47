import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { randomId } from '../kernel/ids.js';
import { type Actor, type RequestContext, runInContext } from '../kernel/request-context.js';
import type { AddressedToUs } from './addressed-to-us.js';
import { type Answer, onTheWire, refusal, send } from './answers.js';
import { LIMITS } from './limits.js';
import type { RequestLine } from './logging.js';
import { SECURITY_HEADERS } from './security-headers.js';

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

const STRANGER: Actor = { kind: 'stranger', id: '' };

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly context: RequestContext;
  readonly startedAt: number;
  route: string;
}

/**
 * The outermost layer of every listener: gives each request its id, its context and its headers, refuses what is not
 * meant for us, knows what is in flight, and says one line about it in the log. Nothing in here depends on routing, so
 * no path, method or failure of the router goes around it.
 */
export class Edge {
  private readonly inFlight = new Map<IncomingMessage, Exchange>();
  /** Those in flight on each connection. A response that waits behind another one is not told when its connection ends. */
  private readonly perConnection = new WeakMap<Duplex, Set<Exchange>>();
  private readonly whenEmpty: (() => void)[] = [];
  private next?: RequestHandler;
  private drained?: Promise<void>;

  constructor(
    private readonly addressedToUs: AddressedToUs,
    private readonly log: (line: RequestLine) => void,
  ) {}

  get isDraining(): boolean {
    return this.drained !== undefined;
  }

  /** Who answers what is let through. */
  leadTo(next: RequestHandler): void {
    this.next = next;
  }

  readonly receive: RequestHandler = (request, response) => {
    const context: RequestContext = { requestId: randomId(), actor: STRANGER };
    runInContext(context, () => {
      this.open({ request, response, context, startedAt: performance.now(), route: '-' });
      for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
      response.setHeader('x-request-id', context.requestId);
      if (this.isDraining) response.setHeader('connection', 'close');
      const refused = this.refuse(request);
      if (refused) send(refused, response);
      else this.next?.(request, response);
    });
  };

  /** Names the route of a request for its log line. */
  routed(request: IncomingMessage, pattern: string | undefined): void {
    const exchange = this.inFlight.get(request);
    if (exchange && pattern) exchange.route = pattern;
  }

  /** What could not be read as HTTP, or not in time. TLS failures and lost connections need no answer. */
  readonly malformed = (error: NodeJS.ErrnoException, socket: Duplex): void => {
    const answer = answerTo(error.code ?? '');
    const exchanges = [...(this.perConnection.get(socket) ?? [])];
    if (!answer || !socket.writable || exchanges.some(({ response }) => response.headersSent)) {
      socket.destroy();
      return;
    }
    // The request whose body broke off, if its headers could be read; it has its own line in the log.
    const broken = exchanges.at(-1);
    const requestId = broken?.context.requestId ?? randomId();
    socket.end(onTheWire(answer, requestId), () => socket.destroy());
    if (broken) broken.response.statusCode = answer.status;
    else
      this.log({ requestId, method: '-', route: '-', status: answer.status, ms: 0, actor: STRANGER, aborted: false });
  };

  /** CONNECT asks for a tunnel, and there is none. */
  readonly tunnel = (_request: IncomingMessage, socket: Duplex): void => {
    socket.end(onTheWire(refusal.methodUnknown(), randomId()), () => socket.destroy());
  };

  /**
   * From now on every answer ends its connection, and what comes late on a connection that is still open is told to go
   * elsewhere. Streams, which have no end of their own, are cut. Resolves when nothing is in flight.
   */
  drain(): Promise<void> {
    this.drained ??= new Promise((resolve) => this.whenEmpty.push(resolve));
    for (const { response } of this.inFlight.values()) {
      if (!response.headersSent) response.setHeader('connection', 'close');
      else if (String(response.getHeader('content-type')).startsWith('text/event-stream')) response.destroy();
    }
    this.tellIfEmpty();
    return this.drained;
  }

  private refuse(request: IncomingMessage): Answer | undefined {
    if (request.rawHeaders.length > 2 * LIMITS.maxHeaderLines) return refusal.headersTooLarge();
    const refused = this.addressedToUs.refuse(request);
    if (refused) return refused;
    return this.isDraining && !request.url?.startsWith('/health/') ? refusal.draining() : undefined;
  }

  private open(exchange: Exchange): void {
    const { socket } = exchange.request;
    this.inFlight.set(exchange.request, exchange);
    exchange.response.once('close', () => this.close(exchange));
    const others = this.perConnection.get(socket);
    if (others) others.add(exchange);
    else this.watch(socket, new Set([exchange]));
  }

  private watch(socket: Duplex, exchanges: Set<Exchange>): void {
    this.perConnection.set(socket, exchanges);
    socket.once('close', () => {
      for (const exchange of exchanges) this.close(exchange);
    });
  }

  private close(exchange: Exchange): void {
    const { request, response, context, startedAt, route } = exchange;
    this.perConnection.get(request.socket)?.delete(exchange);
    if (!this.inFlight.delete(request)) return;
    const { requestId, actor } = context;
    const ms = Math.round((performance.now() - startedAt) * 10) / 10;
    const said = { requestId, method: request.method ?? '-', route, status: response.statusCode, ms, actor };
    this.log({ ...said, aborted: !response.writableFinished });
    this.tellIfEmpty();
  }

  private tellIfEmpty(): void {
    if (this.inFlight.size === 0) for (const resolve of this.whenEmpty.splice(0)) resolve();
  }
}

function answerTo(code: string): Answer | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return refusal.headersTooLarge();
  // A request that broke off says nothing yet: its caller is to say it again, not to take a 400 for the last word.
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT' || code === 'HPE_INVALID_EOF_STATE') return refusal.timedOut();
  return code.startsWith('HPE_') ? refusal.malformed() : undefined;
}
