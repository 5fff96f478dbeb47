/**
 * The network that a caller's address counts for: `/24` of IPv4 or the address alone, `/64` of IPv6 (one customer has at
 * least that many addresses), an IPv4 address in IPv6 clothes as IPv4; `?` where it is none, as behind a unix socket.
 */
export function networkOf(address: string, ipv4Prefix: 24 | 32 = 24): string {
  const ipv4 = /^(?:::ffff:)?((\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3})$/i.exec(address);
  if (ipv4) return ipv4Prefix === 32 ? `${ipv4[1]}/32` : `${ipv4[2]}.0/24`;
  const groups = groupsOf(address);
  if (!groups) return '?';
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (mapped) {
    const octets = [groups[6] >> 8, groups[6] & 0xff, groups[7] >> 8, groups[7] & 0xff];
    return networkOf(octets.join('.'), ipv4Prefix);
  }
  const prefix = groups.slice(0, 4).map((group) => group.toString(16));
  return `${prefix.join(':')}::/64`;
}

type Groups = [number, number, number, number, number, number, number, number];

/** The eight groups of an IPv6 address; the URL parser checks and unifies its many spellings. */
function groupsOf(address: string): Groups | undefined {
  const host = `[${address.split('%', 1)[0]}]`;
  if (!address.includes(':') || !URL.canParse(`http://${host}/`)) return undefined;
  const [left = '', right] = new URL(`http://${host}/`).hostname.slice(1, -1).split('::');
  const [head, tail] = [numbersIn(left), numbersIn(right ?? '')];
  const zeros = new Array<number>(8 - head.length - tail.length).fill(0);
  return [...head, ...zeros, ...tail] as Groups;
}

function numbersIn(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}
