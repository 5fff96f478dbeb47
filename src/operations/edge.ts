import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { randomId } from '../kernel/ids.js';
import { HOST_IN_PROCESS, type RequestContext, runInContext, STRANGER } from '../kernel/request-context.js';
import type { AddressedToUs } from './addressed-to-us.js';
import { type Answer, onTheWire, refusal, send } from './answers.js';
import { type Exchange, InFlight } from './in-flight.js';
import { LIMITS } from './limits.js';
import type { RequestLine } from './logging.js';
import { SECURITY_HEADERS } from './security-headers.js';

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * The outermost layer of every listener: gives each request its id and its context, refuses what no route can mean, knows
 * what is in flight. Requests that are ours get our headers and one line in the log, and must be addressed to us. Where
 * we are alone that is every request, judged before anything routes it, so that no path, method or failure of the router
 * goes around it; beside a host it is those that have been routed to us (`claim`), and those that nothing could read. A request
 * that is not ours acts for the host.
 */
export class Edge {
  private readonly inFlight = new InFlight((exchange) => this.say(exchange));
  private next?: RequestHandler;
  private drained?: Promise<void>;

  constructor(
    private readonly addressedToUs: AddressedToUs,
    private readonly log: (line: RequestLine) => void,
    private readonly isAlone: boolean,
  ) {}

  get isDraining(): boolean {
    return this.drained !== undefined;
  }

  /** Who answers what is let through. */
  leadTo(next: RequestHandler): void {
    this.next = next;
  }

  readonly receive: RequestHandler = (request, response) => {
    const context: RequestContext = { requestId: randomId(), actor: HOST_IN_PROCESS };
    runInContext(context, () => {
      const authority = this.addressedToUs.rewrite(request);
      const startedAt = performance.now();
      const exchange = { request, response, context, startedAt, authority, route: '-', isOurs: false };
      this.inFlight.open(exchange);
      if (this.isAlone) own(exchange);
      if (this.isDraining) response.setHeader('connection', 'close');
      const refused = this.refuse(exchange);
      if (refused) this.answer(exchange, refused);
      else this.next?.(request, response);
    });
  };

  /** Names the route of a request for its log line. */
  routed(request: IncomingMessage, pattern: string | undefined): void {
    const exchange = this.inFlight.of(request);
    if (exchange && pattern) exchange.route = pattern;
  }

  /** Whether it came through a listener, and runs in the context that it got there. */
  hasReceived(request: IncomingMessage): boolean {
    return this.inFlight.of(request) !== undefined;
  }

  /** A request has reached a route of ours. Answers it, and says so, if it may go no further. */
  claim(request: IncomingMessage): boolean {
    const exchange = this.inFlight.of(request);
    if (!exchange || exchange.isOurs) return false;
    own(exchange);
    const refused = this.addressedToUs.refuse(request, exchange.authority);
    if (refused) this.answer(exchange, refused);
    else this.limitTime(exchange);
    return refused !== undefined;
  }

  /** Answers what the router could not read. */
  readonly unreadable = (request: IncomingMessage, response: ServerResponse, answer: Answer): void => {
    const exchange = this.inFlight.of(request);
    if (exchange) this.answer(exchange, answer);
    else send(answer, response);
  };

  /** What could not be read as HTTP, or not in time. TLS failures and lost connections need no answer. */
  readonly malformed = (error: { readonly code?: string }, socket: Duplex): void => {
    const answer = answerTo(error.code ?? '');
    const exchanges = this.inFlight.on(socket);
    if (!answer || !socket.writable || exchanges.some(({ response }) => response.headersSent)) {
      socket.destroy();
      return;
    }
    // The request whose body broke off, if its headers could be read; it has its own line in the log.
    const broken = exchanges.at(-1);
    const requestId = broken?.context.requestId ?? randomId();
    socket.end(onTheWire(answer, requestId), () => socket.destroy());
    if (broken) breakOff(broken).response.statusCode = answer.status;
    else
      this.log({ requestId, method: '-', route: '-', status: answer.status, ms: 0, actor: STRANGER, aborted: false });
  };

  /** CONNECT asks for a tunnel, and there is none. */
  readonly tunnel = (_request: IncomingMessage, socket: Duplex): void => {
    socket.end(onTheWire(refusal.methodUnknown(), randomId()), () => socket.destroy());
  };

  /**
   * From now on every answer ends its connection, and what comes late on a connection that is still open is told to go
   * elsewhere. Resolves when nothing is in flight.
   */
  drain(): Promise<void> {
    this.drained ??= this.inFlight.drain();
    return this.drained;
  }

  private refuse({ request, authority }: Exchange): Answer | undefined {
    if (request.rawHeaders.length > 2 * LIMITS.maxHeaderLines) return refusal.headersTooLarge();
    const refused = this.isAlone ? this.addressedToUs.refuse(request, authority) : undefined;
    if (refused) return refused;
    return this.isDraining && !request.url?.startsWith('/health/') ? refusal.draining() : undefined;
  }

  private answer(exchange: Exchange, answer: Answer): void {
    own(exchange);
    send(answer, exchange.response);
  }

  /** A host's routes may take bodies for longer than ours do. */
  private limitTime(exchange: Exchange): void {
    const { request } = exchange;
    exchange.timer = setTimeout(() => {
      if (!request.complete) this.malformed({ code: TIMED_OUT }, request.socket);
    }, LIMITS.requestTimeout).unref();
  }

  private say({ request, response, context, startedAt, route, isOurs }: Exchange): void {
    if (!isOurs) return;
    const { requestId, actor } = context;
    const ms = Math.round((performance.now() - startedAt) * 10) / 10;
    const said = { requestId, method: request.method ?? '-', route, status: response.statusCode, ms, actor };
    this.log({ ...said, aborted: !response.writableFinished });
  }
}

function own(exchange: Exchange): void {
  if (exchange.isOurs) return;
  exchange.isOurs = true;
  const { response, context } = exchange;
  context.actor = STRANGER;
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
  response.setHeader('x-request-id', context.requestId);
}

/** It is answered by us, so it gets our line. What a handler of the host does meanwhile goes on as it began. */
function breakOff(exchange: Exchange): Exchange {
  if (exchange.isOurs) return exchange;
  return Object.assign(exchange, { isOurs: true, context: { ...exchange.context, actor: STRANGER } });
}

/** Node's own code for a request that took too long. */
const TIMED_OUT = 'ERR_HTTP_REQUEST_TIMEOUT';

function answerTo(code: string): Answer | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return refusal.headersTooLarge();
  // A request that broke off says nothing yet: its caller is to say it again, not to take a 400 for the last word.
  if (code === TIMED_OUT || code === 'HPE_INVALID_EOF_STATE') return refusal.timedOut();
  return code.startsWith('HPE_') ? refusal.malformed() : undefined;
}
