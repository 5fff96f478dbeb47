import { parseDomainName } from './domain-name.js';

const PATTERN = /^https:\/\/([^/?#@:]+)(?::(\d{1,5}))?\/?$/i;

/** An https origin with a DNS name: the identity of a cloud. Parsed once; two equal origins have equal text. */
export class Origin {
  private constructor(
    /** DNS name, A-label form, lower case. */
    readonly host: string,
    readonly port: number,
  ) {}

  /** @throws TypeError if the text is not `https://name[:port]`; one trailing slash is forgiven. */
  static parse(text: string): Origin {
    const parsed = Origin.tryParse(text);
    if (!parsed) throw new TypeError('not an https origin with a DNS name');
    return parsed;
  }

  static tryParse(text: unknown): Origin | undefined {
    if (typeof text !== 'string' || text.length > 300) return undefined;
    const match = PATTERN.exec(text);
    const host = match?.[1] && parseDomainName(match[1]);
    if (!match || !host) return undefined;
    const port = match[2] === undefined ? 443 : Number(match[2]);
    return port >= 1 && port <= 65_535 ? new Origin(host, port) : undefined;
  }

  /** `name` or `name:port`, as in a Host header. */
  get authority(): string {
    return this.port === 443 ? this.host : `${this.host}:${this.port}`;
  }

  equals(other: Origin): boolean {
    return this.host === other.host && this.port === other.port;
  }

  toString(): string {
    return `https://${this.authority}`;
  }

  toJSON(): string {
    return this.toString();
  }
}
