import type { ServerResponse } from 'node:http';
import { parse } from 'node:querystring';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { KeyAndCertificate } from '../host/federation-options.js';
import { Origin } from '../kernel/origin.js';
import { currentContext } from '../kernel/request-context.js';
import { acceptRawBodies } from '../ocm/http/raw-body.js';
import { CertificateAuthority } from '../transport/certificates.js';
import { AddressedToUs } from './addressed-to-us.js';
import { refusal, send } from './answers.js';
import { Edge, type RequestHandler } from './edge.js';
import { LIMITS } from './limits.js';
import { createListener, type Listener, type ListenerTls, secureContextOptions } from './listener.js';
import { PinoLogger, type RequestLine } from './logging.js';

export interface FederationAdapterOptions {
  /** The https origins whose names callers may use in `Host`; anything else is answered 421. */
  readonly origins: readonly string[];
  /** The web certificate. Left out only behind a proxy that ends TLS. */
  readonly tls?: KeyAndCertificate;
  /** Whether peers' calls arrive here: every client is asked for a certificate, nobody is turned away for lack of one. */
  readonly askForClientCertificates: boolean;
  /** Where the one line about each request goes. Default: standard output, level `info`. */
  readonly log?: (line: RequestLine) => void;
}

/**
 * Fastify as the federation tier needs it: TLS that asks and never resumes, limits on time and size, one shape for every
 * error, and bodies that nobody looks at before the guards. @throws TypeError if an origin cannot be read.
 */
export function createFederationAdapter(options: FederationAdapterOptions): FederationAdapter {
  return new FederationAdapter(options);
}

export class FederationAdapter extends FastifyAdapter<Listener> {
  private readonly edge: Edge;
  /** Every listener: the public one, and the one for peers if it is another. */
  private readonly listeners: Listener[] = [];
  private readonly tls?: ListenerTls;
  /** An authority whose key is forgotten at once: what the request for a certificate names. */
  private readonly nobody = CertificateAuthority.create('nobody').then(({ certificate }) => certificate);

  constructor(options: FederationAdapterOptions) {
    const { tls, askForClientCertificates } = options;
    const edge = new Edge(new AddressedToUs(options.origins.map(Origin.parse)), options.log ?? standardLog());
    const listenerTls = tls && { ...tls, askForClientCertificates };
    super({
      serverFactory: (handler: RequestHandler) => {
        edge.leadTo(handler);
        return createListener(edge, listenerTls);
      },
      // The listener has its own; Fastify insists on one.
      clientErrorHandler: () => undefined,
      frameworkErrors: (
        error: { code: string },
        _request: unknown,
        reply: { hijack(): unknown; raw: ServerResponse },
      ) => {
        reply.hijack();
        send(error.code === 'FST_ERR_MAX_PARAM_LENGTH' ? refusal.noSuchThing() : refusal.malformed(), reply.raw);
      },
      genReqId: () => currentContext().requestId,
      routerOptions: {
        maxParamLength: LIMITS.maxParamLength,
        // An object without a prototype; what is repeated arrives as an array, and the pipes judge it.
        querystringParser: (text: string) => parse(text, '&', '=', { maxKeys: LIMITS.maxQueryParameters }),
      },
    });
    this.edge = edge;
    this.tls = listenerTls;
    this.listeners.push(this.getHttpServer());
    acceptRawBodies(this.getInstance());
    this.nameRoutes();
  }

  /** Whether we are stopping: no new connections, every answer ends its own. */
  get isDraining(): boolean {
    return this.edge.isDraining;
  }

  /** Opens another https listener with the same routes, and asks there for client certificates. */
  async listenForPeers(
    tls: KeyAndCertificate,
    address: { readonly host: string; readonly port: number },
  ): Promise<Listener> {
    const listener = createListener(this.edge, {
      ...tls,
      askForClientCertificates: true,
      namedAuthority: await this.nobody,
    });
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(address.port, address.host, () => {
        listener.removeListener('error', reject);
        resolve();
      });
    });
    this.listeners.push(listener);
    return listener;
  }

  /** From now on new connections to a listener see this certificate. */
  async show(listener: Listener, tls: KeyAndCertificate): Promise<void> {
    const context = { ...tls, askForClientCertificates: true, namedAuthority: await this.nobody };
    if ('setSecureContext' in listener) listener.setSecureContext(secureContextOptions(context));
  }

  override async init(): Promise<void> {
    if (this.tls?.askForClientCertificates) await this.show(this.getHttpServer(), this.tls);
    await super.init();
  }

  /** Before Nest runs its shutdown hooks: what is in flight ends first, and nothing new begins. */
  override async beforeClose(): Promise<void> {
    super.beforeClose();
    const drained = this.edge.drain();
    const closed = Promise.all(this.listeners.map((listener) => new Promise((resolve) => listener.close(resolve))));
    await Promise.race([drained, pause(LIMITS.drain)]);
    for (const listener of this.listeners) listener.closeIdleConnections();
    // What is left is half a request: nobody waits for its answer longer than for the last bytes of the others.
    await Promise.race([closed, pause(LIMITS.lastBytes)]);
    for (const listener of this.listeners) listener.closeAllConnections();
  }

  override registerParserMiddleware(): void {
    // Nest's parsers would read JSON and forms before the guards; `acceptRawBodies` has taken their place.
  }

  private nameRoutes(): void {
    this.getInstance().addHook('onRequest', (request, _reply, done) => {
      this.edge.routed(request.raw, request.routeOptions.url);
      done();
    });
  }
}

function standardLog(): (line: RequestLine) => void {
  const logger = new PinoLogger();
  return (line) => logger.request(line);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
