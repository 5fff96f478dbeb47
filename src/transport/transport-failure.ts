/** Why a call to a peer gave no answer. */
export type TransportFailureReason =
  /** The name has no address, or the resolver gave none in time. */
  | 'dns'
  /** At least one address of the name lies in a network where peers may not live. */
  | 'blocked'
  /** No TCP or TLS connection came about. */
  | 'connect'
  /** The operator's own proxy cannot be reached, or opens no tunnel for us. */
  | 'proxy'
  /** The server's certificate is not issued by a root we trust, is outside its dates, or is missing. */
  | 'tls-chain'
  /** The server's certificate names another host. */
  | 'tls-name'
  /** The server's key is none of the pinned ones. */
  | 'tls-pin'
  /** Our own certificate cannot be used, or the server refused it. */
  | 'tls-client'
  /** The deadline passed, or the caller gave up. */
  | 'timeout'
  /** The head or the body of the answer is larger than we read. */
  | 'too-large'
  /** Connected, but what came back is not an HTTP answer, or stops in the middle of one. */
  | 'bad-answer';

/**
 * A call to a peer ended without an answer. The text is one short line for the log: it names hosts and error codes, never
 * bodies, headers or secrets. There is no `cause`, because parser errors carry the peer's bytes with them.
 */
export class TransportFailure extends Error {
  constructor(
    readonly reason: TransportFailureReason,
    /** The facts without the reason. */
    readonly detail: string,
  ) {
    super(`${reason}: ${detail}`);
    this.name = 'TransportFailure';
  }
}

/** OpenSSL's words for "the other side does not like our certificate"; in TLS 1.3 they arrive after the handshake. */
const REFUSED_CREDENTIAL =
  /ALERT_(?:NO_CERTIFICATE|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_[A-Z]+|UNKNOWN_CA|ACCESS_DENIED)/;

/** The failure behind an error of the socket or of the HTTP client; `otherwise` where its code says nothing more exact. */
export function failureOf(error: unknown, otherwise: TransportFailureReason): TransportFailure {
  if (error instanceof TransportFailure) return error;
  const code = codeOf(error);
  if (REFUSED_CREDENTIAL.test(code)) return new TransportFailure('tls-client', `our certificate was refused (${code})`);
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return new TransportFailure('too-large', 'the head of the answer');
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return new TransportFailure('too-large', 'the body of the answer');
  return new TransportFailure(otherwise, code);
}

/** The stable code of a system, TLS or HTTP-client error or the reason of one of ours; else its class. */
export function codeOf(error: unknown): string {
  if (error instanceof TransportFailure) return error.reason;
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
