import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { DestinationPolicy } from './addresses.js';
import { Deadline } from './deadline.js';
import { codeOf, TransportFailure } from './transport-failure.js';

/** Turns a host name into addresses. Asked once for each new connection; tests give their own. */
export abstract class NameResolver {
  /** Every address of the name, in the order in which they should be tried. May throw whatever it likes. */
  abstract resolve(host: string): Promise<readonly string[]>;
}

/** The operating system's resolver, hosts file included. */
export class SystemResolver extends NameResolver {
  /** @param deadlineMs milliseconds for one name. */
  constructor(private readonly deadlineMs = 3_000) {
    super();
  }

  async resolve(host: string): Promise<readonly string[]> {
    // RFC 6761 section 6.3: these names are loopback, and DNS must not be able to say otherwise.
    if (host === 'localhost' || host.endsWith('.localhost')) return ['127.0.0.1', '::1'];
    const deadline = new Deadline(this.deadlineMs);
    try {
      const answers = await deadline.race(lookup(host, { all: true, verbatim: true }));
      return answers.map(({ address }) => address);
    } finally {
      deadline.clear();
    }
  }
}

/** Every address of the host, from one resolution. @throws TransportFailure `dns` */
export async function addressesOf(host: string, resolver: NameResolver): Promise<readonly string[]> {
  const addresses = isIP(host) ? [host] : await resolver.resolve(host).catch((error) => unresolved(host, error));
  if (addresses.length === 0) throw new TransportFailure('dns', `${host} has no address`);
  return addresses;
}

/**
 * A single forbidden address condemns them all: a mixed answer is how rebinding starts.
 * @throws TransportFailure `blocked`
 */
export function checkAddresses(host: string, addresses: readonly string[], destinations: DestinationPolicy): void {
  const forbidden = addresses.find((address) => !destinations.permits(address));
  if (forbidden === undefined) return;
  const place = 'which lies in a network that peers may not live in';
  throw new TransportFailure('blocked', `${host} resolves to ${forbidden}, ${place}`);
}

function unresolved(host: string, error: unknown): never {
  throw new TransportFailure('dns', `${host} cannot be resolved (${codeOf(error)})`);
}
