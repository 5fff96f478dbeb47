/** How long and how much one connection may cost us. Times in milliseconds, sizes in bytes. */
export const LIMITS = {
  /** From the first byte (or the handshake) to the end of the headers. */
  headersTimeout: 10_000,
  /** To the end of the body. */
  requestTimeout: 15_000,
  /** The same for routes of a host, which may take files: Node's own default. */
  hostRequestTimeout: 300_000,
  handshakeTimeout: 10_000,
  /** How often connections are checked for both: a limit is exceeded by at most this. */
  connectionsCheckingInterval: 1_000,
  /** How long an idle connection is kept; longer than peers keep theirs would only fill our table. */
  keepAliveTimeout: 30_000,
  /** Request line and headers together; above: 431. */
  maxHeaderSize: 8 * 1024,
  /** The same where a proxy adds a certificate, and has its own limit for what callers send. */
  maxHeaderSizeBehindProxy: 64 * 1024,
  /** Above: 431. */
  maxHeaderLines: 64,
  /** A path parameter as it is written; above: no such thing. */
  maxParamLength: 255,
  /** Query parameters that are read; what comes after them does not exist. Node's own default. */
  maxQueryParameters: 1_000,
  /** How long requests in flight may take once we stop. */
  drain: 30_000,
  /** How long the last bytes of those may take to leave. */
  lastBytes: 500,
} as const;
