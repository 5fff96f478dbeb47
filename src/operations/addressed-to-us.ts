import type { IncomingMessage } from 'node:http';
import type { Origin } from '../kernel/origin.js';
import { type Answer, refusal } from './answers.js';

/** Probes reach us by address, not by name. */
const ANY_HOST = /^\/(?:health\/|metrics$|metrics\?)/;
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const ABSOLUTE_FORM = /^https:\/\/([^/?#]*)(.*)$/i;

/**
 * Whether a request is well formed and meant for us: known method, an address that decodes, one `Host` that names one of
 * our origins. Absolute-form addresses (RFC 9112 section 3.2.2) must name one of our origins themselves.
 */
export class AddressedToUs {
  private readonly authorities: ReadonlySet<string>;

  constructor(origins: readonly Origin[]) {
    this.authorities = new Set(
      origins.flatMap(({ host, port }) => (port === 443 ? [host, `${host}:443`] : [`${host}:${port}`])),
    );
  }

  /** Makes an absolute-form address its path, before anything routes it, and gives the authority that it named. */
  rewrite(request: IncomingMessage): string | undefined {
    const absolute = ABSOLUTE_FORM.exec(request.url ?? '');
    if (absolute) request.url = absolute[2]?.startsWith('/') ? absolute[2] : `/${absolute[2]}`;
    return absolute?.[1];
  }

  /** The answer to a request that goes no further; undefined if it may. @param authority what `rewrite` gave */
  refuse(request: IncomingMessage, authority: string | undefined): Answer | undefined {
    if (!METHODS.has(request.method ?? '')) return refusal.methodUnknown();
    return this.refuseTarget(request.url ?? '') ?? this.refuseHost(request, authority);
  }

  private refuseTarget(target: string): Answer | undefined {
    if (target === '*') return refusal.noSuchThing();
    if (!target.startsWith('/')) return refusal.malformed();
    const decoded = decode(target);
    return decoded === undefined || decoded.includes('\0') ? refusal.invalidString() : undefined;
  }

  private refuseHost(request: IncomingMessage, authority?: string): Answer | undefined {
    if (ANY_HOST.test(request.url ?? '')) return undefined;
    const { host } = request.headers;
    if (!host || countOf('host', request.rawHeaders) !== 1) return refusal.malformed();
    const named = authority === undefined ? [host] : [host, authority];
    return named.every((name) => this.authorities.has(name.toLowerCase())) ? undefined : refusal.misdirected();
  }
}

function decode(target: string): string | undefined {
  if (!target.includes('%')) return target;
  try {
    return decodeURIComponent(target);
  } catch {
    return undefined;
  }
}

/** Node keeps the first of several `Host` headers: only the raw list shows the others. */
function countOf(name: string, rawHeaders: readonly string[]): number {
  return rawHeaders.filter((item, index) => index % 2 === 0 && item.toLowerCase() === name).length;
}
