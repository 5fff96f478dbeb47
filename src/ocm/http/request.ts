import type { IncomingHttpHeaders } from 'node:http';
import type { Origin } from '../../kernel/origin.js';

/** The cloud whose certificate the guard of the route accepted. */
export interface AuthenticatedCaller {
  readonly origin: Origin;
}

/** What this folder needs of a request; Fastify's is one. */
export interface FederationRequest {
  readonly id?: string;
  readonly url: string;
  readonly query: unknown;
  readonly raw: { readonly headers: IncomingHttpHeaders };
  /** A `RawBody`, or undefined where there is none. */
  readonly body?: unknown;
  /** Set by the guard of peer routes. */
  readonly federationPeer?: AuthenticatedCaller;
}

/** What controllers need of a reply; Fastify's is one. */
export interface FederationReply {
  header(name: string, value: string): unknown;
  headers(values: Record<string, string>): unknown;
}
