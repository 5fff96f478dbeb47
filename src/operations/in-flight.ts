import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RequestContext } from '../kernel/request-context.js';

/** A request and its answer, from the first byte to the last. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly context: RequestContext;
  readonly startedAt: number;
  /** Whom an absolute-form address named. */
  readonly authority?: string;
  /** The pattern of its route. */
  route: string;
  /** Whether it is the federation tier's, and not the host's. */
  isOurs: boolean;
  /** Ends it if its body takes too long. */
  timer?: NodeJS.Timeout;
}

/** Which requests have no whole answer yet, on every listener. */
export class InFlight {
  private readonly exchanges = new Map<IncomingMessage, Exchange>();
  /** Those on each connection. A response that waits behind another one is not told when its connection ends. */
  private readonly perConnection = new WeakMap<Duplex, Set<Exchange>>();
  private readonly whenEmpty: (() => void)[] = [];

  /** @param ended told once of each */
  constructor(private readonly ended: (exchange: Exchange) => void) {}

  of(request: IncomingMessage): Exchange | undefined {
    return this.exchanges.get(request);
  }

  /** In the order in which they came. */
  on(connection: Duplex): Exchange[] {
    return [...(this.perConnection.get(connection) ?? [])];
  }

  open(exchange: Exchange): void {
    const { socket } = exchange.request;
    this.exchanges.set(exchange.request, exchange);
    exchange.response.once('close', () => this.close(exchange));
    const others = this.perConnection.get(socket);
    if (others) others.add(exchange);
    else this.watch(socket, new Set([exchange]));
  }

  /** Every answer ends its connection. Streams, which have no end of their own, are cut. Resolves when all have ended. */
  drain(): Promise<void> {
    for (const { response } of this.exchanges.values()) {
      if (!response.headersSent) response.setHeader('connection', 'close');
      else if (String(response.getHeader('content-type')).startsWith('text/event-stream')) response.destroy();
    }
    return new Promise((resolve) => {
      this.whenEmpty.push(resolve);
      this.tellIfEmpty();
    });
  }

  private watch(socket: Duplex, exchanges: Set<Exchange>): void {
    this.perConnection.set(socket, exchanges);
    socket.once('close', () => {
      for (const exchange of exchanges) this.close(exchange);
    });
  }

  private close(exchange: Exchange): void {
    this.perConnection.get(exchange.request.socket)?.delete(exchange);
    if (!this.exchanges.delete(exchange.request)) return;
    clearTimeout(exchange.timer);
    this.ended(exchange);
    this.tellIfEmpty();
  }

  private tellIfEmpty(): void {
    if (this.exchanges.size === 0) for (const resolve of this.whenEmpty.splice(0)) resolve();
  }
}
