import type { IncomingMessage, ServerResponse } from 'node:http';
import { parse } from 'node:querystring';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { KeyAndCertificate } from '../host/federation-options.js';
import { OptionRefused, trustedProxy } from '../host/own-cloud.js';
import type { ProxyOptions } from '../host/trusted-proxy.js';
import { randomId } from '../kernel/ids.js';
import { Origin } from '../kernel/origin.js';
import { currentContext } from '../kernel/request-context.js';
import { CertificateAuthority } from '../transport/certificates.js';
import { AddressedToUs } from './addressed-to-us.js';
import { refusal } from './answers.js';
import { Edge, type RequestHandler } from './edge.js';
import { LIMITS } from './limits.js';
import { createListener, type Listener } from './listener.js';
import { ListenerCertificates } from './listener-certificates.js';
import { PinoLogger, type RequestLine } from './logging.js';
import { OwnRoutes } from './own-routes.js';

export interface FederationAdapterOptions {
  /** The https origins whose names callers of our routes may use in `Host`; anything else is answered 421. */
  readonly origins: readonly string[];
  /** The web certificate. Left out only behind a proxy that ends TLS. */
  readonly tls?: KeyAndCertificate;
  /** `proxy` of the federation's options: we listen on loopback or a unix socket (mode 0660) and nowhere else. */
  readonly proxy?: ProxyOptions;
  /** Whether peers' calls arrive here: every client is asked for a certificate, nobody is turned away for lack of one. */
  readonly askForClientCertificates: boolean;
  /** Where the one line about each request of ours goes. Default: standard output, level `info`. */
  readonly log?: (line: RequestLine) => void;
  /**
   * Nothing but the federation tier is served here: every request is judged, dressed and logged as ours are, before
   * anything routes it. Default false: the routes of a host are here too, and nothing of ours touches them.
   */
  readonly alone?: boolean;
  /**
   * How long a request may take to arrive, body included, in milliseconds. Default 300,000 for the sake of a host's
   * uploads; routes of ours never wait longer than 15,000, which is the default for everything where we are alone.
   */
  readonly requestTimeout?: number;
}

/**
 * Fastify as the federation tier needs it: TLS that asks and never resumes, limits on time and size, one shape for every
 * error, and bodies that nobody looks at before the guards. A host's own routes on it are plain Nest on Fastify, with
 * the host's parsers, headers and errors; what they share with ours are the listeners. @throws TypeError if an origin
 * cannot be read, OptionRefused if the proxy cannot be what it is said to be.
 */
export function createFederationAdapter(options: FederationAdapterOptions): FederationAdapter {
  return new FederationAdapter(options);
}

/** Named, so that hosts need not have Fastify's types of their own. */
type Registered = ReturnType<FastifyAdapter<Listener>['get']>;

export class FederationAdapter extends FastifyAdapter<Listener> {
  private readonly edge: Edge;
  private readonly ownRoutes: OwnRoutes;
  /** Every listener: the public one, and the one for peers if it is another. */
  private readonly listeners: Listener[] = [];
  private readonly certificates = new ListenerCertificates();
  private readonly renewals: (() => void)[] = [];
  /** Whether a proxy ends TLS. */
  readonly isBehindProxy: boolean;
  private readonly requestTimeout: number;
  /** An authority whose key is forgotten at once: what the request for a certificate names. */
  private readonly nobody = CertificateAuthority.create('nobody').then(({ certificate }) => certificate);

  constructor(options: FederationAdapterOptions) {
    const { tls, askForClientCertificates, alone = false } = options;
    const edge = new Edge(new AddressedToUs(options.origins.map(Origin.parse)), options.log ?? standardLog(), alone);
    const listenerTls = tls && { ...tls, askForClientCertificates };
    const proxy = options.proxy && trustedProxy(options.proxy);
    if (proxy && tls) throw new OptionRefused('proxy', 'ends TLS: leave tls out');
    const requestTimeout = options.requestTimeout ?? (alone ? LIMITS.requestTimeout : LIMITS.hostRequestTimeout);
    super({
      serverFactory: (handler: RequestHandler) => {
        edge.leadTo(handler);
        return createListener(edge, requestTimeout, proxy ?? listenerTls);
      },
      // The listener has its own; Fastify insists on one.
      clientErrorHandler: () => undefined,
      frameworkErrors: (
        error: { code: string },
        request: { raw: IncomingMessage },
        reply: { hijack(): unknown; raw: ServerResponse },
      ) => {
        reply.hijack();
        const answer = error.code === 'FST_ERR_MAX_PARAM_LENGTH' ? refusal.noSuchThing() : refusal.malformed();
        edge.unreadable(request.raw, reply.raw, answer);
      },
      // What `app.inject()` makes up has not come through a listener.
      genReqId: () => currentContext().requestId || randomId(),
      routerOptions: {
        maxParamLength: LIMITS.maxParamLength,
        // An object without a prototype; what is repeated arrives as an array, and the pipes judge it.
        querystringParser: (text: string) => parse(text, '&', '=', { maxKeys: LIMITS.maxQueryParameters }),
      },
    });
    this.edge = edge;
    this.requestTimeout = requestTimeout;
    this.isBehindProxy = proxy !== undefined;
    if (listenerTls) this.certificates.add(this.getHttpServer(), listenerTls);
    this.listeners.push(this.getHttpServer());
    this.ownRoutes = new OwnRoutes(this.getInstance(), edge);
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
    if (this.isBehindProxy) throw new OptionRefused('proxy', 'ends TLS for both origins: there is one listener');
    const shown = { ...tls, askForClientCertificates: true, namedAuthority: await this.nobody };
    const listener = createListener(this.edge, this.requestTimeout, shown);
    this.certificates.add(listener, shown);
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

  /** The web certificate, as new connections see it; undefined behind a proxy that ends TLS. */
  get webCertificate(): KeyAndCertificate | undefined {
    return this.certificates.of(this.getHttpServer());
  }

  /**
   * From now on new connections to the public listener see this certificate; open ones go on. Behind a proxy that ends TLS
   * nothing happens. @throws Error if it and its key cannot be used together: what was shown before stays.
   */
  showWebCertificate({ certificate, privateKey }: KeyAndCertificate): void {
    this.certificates.show(this.getHttpServer(), { certificate, privateKey });
    for (const listener of this.renewals) listener();
  }

  /** Called after every change of the web certificate. */
  onWebCertificate(listener: () => void): void {
    this.renewals.push(listener);
  }

  /** The same for what `listenForPeers` has opened, and only that. */
  showToPeers({ certificate, privateKey }: KeyAndCertificate): void {
    const [, ...forPeers] = this.listeners;
    for (const listener of forPeers) this.certificates.show(listener, { certificate, privateKey });
  }

  override async init(): Promise<void> {
    // By now the authority is made; nobody is connected yet.
    this.certificates.show(this.getHttpServer(), { namedAuthority: await this.nobody });
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

  // A handler of ours is served under its own path, whatever prefix the host has set.
  override get(...route: unknown[]): Registered {
    return super.get(...this.ownRoutes.placed(route));
  }

  override post(...route: unknown[]): Registered {
    return super.post(...this.ownRoutes.placed(route));
  }

  override put(...route: unknown[]): Registered {
    return super.put(...this.ownRoutes.placed(route));
  }

  override patch(...route: unknown[]): Registered {
    return super.patch(...this.ownRoutes.placed(route));
  }

  override delete(...route: unknown[]): Registered {
    return super.delete(...this.ownRoutes.placed(route));
  }
}

function standardLog(): (line: RequestLine) => void {
  const logger = new PinoLogger();
  return (line) => logger.request(line);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
