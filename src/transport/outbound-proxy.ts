import { isIP } from 'node:net';
import { Secret } from '../kernel/secret.js';

/** The operator's CONNECT proxy: every call to a peer leaves through it. Our own, so that where it lives is not checked. */
export class OutboundProxy {
  /** What `parse` takes, as the end of a sentence. */
  static readonly EXPECTED =
    'must be http:// or https://, optionally user:password@ in percent-encoding, a host, an optional port, nothing after it';

  private constructor(
    /** A name or an address; IPv6 without brackets. */
    readonly host: string,
    readonly port: number,
    /** Whether we speak TLS with the proxy itself. */
    readonly secure: boolean,
    /** The value of `Proxy-Authorization`. */
    readonly authorization: Secret | undefined,
  ) {}

  /**
   * @param url `http://proxy.example:3128`, with `user:password@` before the host if the proxy asks for them, percent-encoded
   * @throws TypeError that says what would be right, and nothing of the text
   */
  static parse(url: Secret): OutboundProxy {
    const { protocol, hostname, port, username, password, ...rest } = partsOf(url);
    const secure = protocol === 'https:';
    if ((!secure && protocol !== 'http:') || hostname === '' || rest.after !== '' || port === '0') {
      throw new TypeError(`the outbound proxy ${OutboundProxy.EXPECTED}`);
    }
    const host = hostname.replace(/^\[|\]$/g, '');
    return new OutboundProxy(host, Number(port || (secure ? 443 : 80)), secure, basic(username, password));
  }

  /** Without credentials. */
  toString(): string {
    const host = isIP(this.host) === 6 ? `[${this.host}]` : this.host;
    return `${this.secure ? 'https' : 'http'}://${host}:${this.port}`;
  }
}

function partsOf(url: Secret) {
  try {
    const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(url.reveal());
    const after = `${pathname === '/' ? '' : pathname}${search}${hash}`;
    return {
      protocol,
      hostname,
      port,
      after,
      username: decodeURIComponent(username),
      password: decodeURIComponent(password),
    };
  } catch {
    throw new TypeError(`the outbound proxy ${OutboundProxy.EXPECTED}`);
  }
}

/** RFC 7617. A colon in the name would move the border. */
function basic(username: string, password: string): Secret | undefined {
  if (username === '' && password === '') return undefined;
  if (username.includes(':')) throw new TypeError('the name for the outbound proxy must not have a colon');
  return new Secret(`Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`);
}
