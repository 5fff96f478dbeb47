import { parseDomainName } from './domain-name.js';

/** Longest address on the wire, in bytes of UTF-8. */
export const ADDRESS_MAX_BYTES = 320;

/**
 * `user@domain`: an account of some cloud. The part before the last `@` is opaque, case-sensitive and compared as bytes
 * (it must already be in NFC, so that one person has one spelling); the domain is a DNS name, lower case.
 */
export class FederatedAddress {
  private constructor(
    readonly user: string,
    readonly domain: string,
  ) {}

  /** @throws TypeError if the text is not an address. */
  static parse(text: string): FederatedAddress {
    const parsed = FederatedAddress.tryParse(text);
    if (!parsed) throw new TypeError('not a federated address');
    return parsed;
  }

  static tryParse(text: unknown): FederatedAddress | undefined {
    if (typeof text !== 'string' || Buffer.byteLength(text) > ADDRESS_MAX_BYTES) return undefined;
    const at = text.lastIndexOf('@');
    const user = text.slice(0, Math.max(at, 0));
    const domain = parseDomainName(text.slice(at + 1));
    if (at < 1 || !domain || !isPrintable(user)) return undefined;
    return new FederatedAddress(user, domain);
  }

  isAt(domain: string): boolean {
    return this.domain === domain;
  }

  equals(other: FederatedAddress): boolean {
    return this.user === other.user && this.domain === other.domain;
  }

  toString(): string {
    return `${this.user}@${this.domain}`;
  }

  toJSON(): string {
    return this.toString();
  }
}

/** No control or format characters, no white space, no `@`, no slash, in NFC. */
function isPrintable(user: string): boolean {
  return user.isWellFormed() && user === user.normalize('NFC') && !/[\p{C}\p{Z}@/\\<>"]/u.test(user);
}
