import { canonicalAddress, Networks } from '../kernel/cidr.js';

/** IPv4 networks that are not the public internet (IANA special-purpose registry, RFC 6890). */
const SPECIAL_V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8], // this host
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // carrier NAT
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local, cloud metadata
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // benchmarking
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
];

/** Only 2000::/3 is global unicast; within it, what is not a host of the public internet. */
const SPECIAL_V6: readonly (readonly [string, number])[] = [
  ['::', 3], // unspecified, loopback, v4-compatible, 64:ff9b::/96 and 64:ff9b:1::/48 (NAT64), 100::/64 (discard)
  ['2001::', 23], // protocol assignments: Teredo (2001::/32), benchmarking, ORCHID
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4: an IPv4 address in disguise
  ['3fff::', 20], // documentation
  ['4000::', 2], // unallocated, 5f00::/16 (segment routing)
  ['8000::', 1], // fc00::/7 unique local, fe80::/10 link-local, fec0::/10 site-local, ff00::/8 multicast
];

const FORBIDDEN = new Networks();
for (const [network, prefix] of [...SPECIAL_V4, ...SPECIAL_V6]) FORBIDDEN.add(network, prefix);

/** Where peers may live: the public internet, and the otherwise forbidden networks that the operator opened. */
export class DestinationPolicy {
  readonly #allowed = new Networks();

  /**
   * @param allowCidrs networks as `10.1.0.0/16` or `fd00::/8`; bits beyond the prefix are ignored.
   * @throws TypeError naming the entry that is not a network.
   */
  constructor(allowCidrs: readonly string[] = []) {
    for (const entry of allowCidrs) this.#allowed.addCidr(entry);
  }

  /** Whether a connection may be opened to this IP address. Whatever is not an address is not permitted. */
  permits(address: string): boolean {
    const plain = canonicalAddress(address);
    return plain !== undefined && (this.#allowed.has(plain) || !FORBIDDEN.has(plain));
  }
}
