import type { IncomingMessage } from 'node:http';
import { FASTIFY_ROUTE_CONFIG_METADATA } from '@nestjs/platform-fastify/constants.js';
import { federationPaths } from '../access/federation-route.js';
import { runInContext, STRANGER } from '../kernel/request-context.js';
import { acceptRawBodies, keepRawBodyParser } from '../ocm/http/raw-body.js';
import type { Edge } from './edge.js';
import { markAsOurs } from './own-requests.js';

/** Marks a route of ours in Fastify's configuration of the route. */
const IS_OURS = 'ententeRoute';

interface Request {
  headers: IncomingMessage['headers'];
  readonly id: string;
  readonly raw: IncomingMessage;
  readonly routeOptions: { readonly url?: string; readonly config?: object };
}

interface Reply {
  hijack(): unknown;
  header(name: string, value: string): unknown;
}

type Server = {
  addHook(name: 'onRequest', hook: (request: Request, reply: Reply, done: () => void) => void): unknown;
} & Parameters<typeof acceptRawBodies<Request>>[0];

/** Tells the routes of the federation tier from those of the host, and sees to it that only they are treated as ours. */
export class OwnRoutes {
  constructor(
    private readonly server: Server,
    private readonly edge: Edge,
  ) {
    server.addHook('onRequest', (request, reply, done) => this.meet(request, reply, done));
    acceptRawBodies(server, { only: isOurs });
  }

  /** Path and handler as Nest registers them: those of ours under their own path, and marked for the hooks. */
  placed(route: unknown[]): unknown[] {
    const [path, handler] = route;
    const isPair = route.length === 2 && typeof path === 'string' && typeof handler === 'function';
    return isPair ? [this.place(path, handler), handler] : route;
  }

  /** Without the prefix of the host's routes, because peers and operators know the paths of ours. */
  private place(path: string, handler: object): string {
    const own = federationPaths(handler);
    if (!own) return path;
    keepRawBodyParser(this.server);
    const config: object = Reflect.getMetadata(FASTIFY_ROUTE_CONFIG_METADATA, handler) ?? {};
    Reflect.defineMetadata(FASTIFY_ROUTE_CONFIG_METADATA, { ...config, [IS_OURS]: true }, handler);
    const endings = own.filter((each) => path === each || path.endsWith(each));
    return endings.sort((a, b) => b.length - a.length)[0] ?? path;
  }

  private meet(request: Request, reply: Reply, done: () => void): void {
    this.edge.routed(request.raw, request.routeOptions.url);
    if (!isOurs(request)) done();
    else if (this.edge.claim(request.raw)) reply.hijack();
    else if (this.edge.hasReceived(request.raw)) goOn(done);
    // What `app.inject()` makes up is nobody's yet, whoever made it up.
    else runInContext({ requestId: request.id, actor: STRANGER }, () => goOn(done));
  }
}

function goOn(done: () => void): void {
  markAsOurs();
  done();
}

function isOurs({ routeOptions }: Request): boolean {
  return routeOptions.config !== undefined && IS_OURS in routeOptions.config;
}
