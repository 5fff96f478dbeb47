import type { IncomingMessage } from 'node:http';
import { parseDomainName } from '../kernel/domain-name.js';
import type { FederatedAddress } from '../kernel/federated-address.js';
import { Origin } from '../kernel/origin.js';
import { SealKey } from '../kernel/secret.js';
import type { FederationOptions } from './federation-options.js';
import { type ProxyOptions, TrustedProxy } from './trusted-proxy.js';

/** An option that cannot be worked with: which, and what would be right. */
export class OptionRefused extends Error {
  constructor(
    readonly option: string,
    readonly expected: string,
  ) {
    super(`federation option ${option}: ${expected}`);
    this.name = 'OptionRefused';
  }
}

/** This deployment, its options parsed once. */
export class OwnCloud {
  readonly origin: Origin;
  readonly endpoint: Origin;
  readonly displayName: string;
  readonly domains: readonly string[];
  readonly sealKey: SealKey;
  readonly switches: { readonly federation: boolean; readonly sharing: boolean; readonly login: boolean };
  readonly acceptAtOnce: boolean;
  readonly requireFingerprint: boolean;
  /** Who ends TLS for us; undefined if we do. */
  readonly proxy: TrustedProxy | undefined;

  /** @throws OptionRefused */
  constructor(readonly options: FederationOptions) {
    this.origin = origin('publicOrigin', options.publicOrigin);
    this.endpoint = origin('federationOrigin', options.federationOrigin ?? options.publicOrigin);
    if (this.endpoint.host !== this.origin.host) {
      throw new OptionRefused('federationOrigin', `must have the host of publicOrigin, ${this.origin.host}`);
    }
    this.displayName = oneLine('displayName', options.displayName ?? this.origin.host);
    this.domains = [...new Set((options.domains ?? [this.origin.host]).map(domain))];
    if (this.domains.length === 0) throw new OptionRefused('domains', 'must name at least one');
    if (options.sealKey.length !== 32) throw new OptionRefused('sealKey', 'must have 32 bytes');
    this.sealKey = new SealKey(options.sealKey);
    if (options.adminToken.reveal().length < 32) throw new OptionRefused('adminToken', 'needs at least 32 characters');
    const { federation = true, sharing = true, login = true } = options.switches ?? {};
    this.switches = { federation, sharing, login };
    this.acceptAtOnce = options.acceptInvitations === 'auto';
    this.requireFingerprint = options.requireFingerprint ?? false;
    this.proxy = options.proxy && trustedProxy(options.proxy);
  }

  /** Whether an address is one of ours by its domain. */
  isHomeOf(address: FederatedAddress): boolean {
    return this.domains.includes(address.domain);
  }

  /** The address that a request counts for: of the other end of its connection, or what the proxy says of it. */
  addressOf(request: IncomingMessage): string {
    return this.proxy ? this.proxy.callerOf(request) : (request.socket.remoteAddress ?? '');
  }

  /** Whether peers' calls arrive on a listener of our own for them, which shows the federation certificate. */
  get hasFederationListener(): boolean {
    return !this.proxy && !this.endpoint.equals(this.origin);
  }
}

function origin(option: string, text: string): Origin {
  const parsed = Origin.tryParse(text);
  if (!parsed)
    throw new OptionRefused(option, 'must be https://, a DNS name in A-label form, an optional port, nothing after');
  return parsed;
}

/** Peers refuse an introduction with any other name. */
function oneLine(option: string, text: string): string {
  if (Buffer.byteLength(text) <= 255 && text.isWellFormed() && !/\p{C}/u.test(text)) return text;
  throw new OptionRefused(option, 'must be one line of at most 255 bytes');
}

/** @throws OptionRefused */
export function trustedProxy(options: ProxyOptions): TrustedProxy {
  try {
    return new TrustedProxy(options);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new OptionRefused('proxy', `trusted must be unix, or networks such as 127.0.0.1/32: ${why}`);
  }
}

function domain(text: string): string {
  const parsed = parseDomainName(text);
  if (!parsed) throw new OptionRefused('domains', 'each must be a DNS name in A-label form');
  return parsed;
}
