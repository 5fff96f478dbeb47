import { BlockList, isIP, SocketAddress } from 'node:net';

/** Networks of both families. Kept apart, because a BlockList takes an IPv4 address for its v4-mapped form in IPv6 rules. */
export class Networks {
  readonly #ipv4 = new BlockList();
  readonly #ipv6 = new BlockList();

  add(network: string, prefix: number): void {
    if (isIP(network) === 4) this.#ipv4.addSubnet(network, prefix, 'ipv4');
    else this.#ipv6.addSubnet(network, prefix, 'ipv6');
  }

  /** @throws TypeError naming the entry that is not a network. */
  addCidr(entry: string): void {
    const { network, prefix } = parseNetwork(entry);
    this.add(network, prefix);
  }

  /** @param address as `canonicalAddress` spells it */
  has(address: string): boolean {
    return isIP(address) === 4 ? this.#ipv4.check(address, 'ipv4') : this.#ipv6.check(address, 'ipv6');
  }
}

/** The one spelling of an address; a v4-mapped one as the IPv4 address that the kernel would dial. */
export function canonicalAddress(address: string): string | undefined {
  const version = isIP(address);
  // A zone (fe80::1%eth0) is meaningful on one machine only, and no resolver's business.
  if (version === 0 || address.includes('%')) return undefined;
  const text = new SocketAddress({ address, family: version === 4 ? 'ipv4' : 'ipv6' }).address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1] ?? text;
}

function parseNetwork(entry: string): { network: string; prefix: number } {
  const [, network = '', digits = ''] = /^([0-9a-f.:]+)\/(0|[1-9]\d{0,2})$/i.exec(entry) ?? [];
  const version = isIP(network);
  const prefix = Number(digits);
  const mapped = version === 6 && canonicalAddress(network)?.includes('.');
  if (version === 0 || mapped || prefix > (version === 4 ? 32 : 128)) {
    throw new TypeError(`not a network in CIDR form: ${JSON.stringify(entry)}`);
  }
  return { network, prefix };
}
