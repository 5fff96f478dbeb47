import type { Setting, Values } from './setting.js';
import {
  domains,
  file,
  flag,
  line,
  listenHost,
  networks,
  oneOf,
  origin,
  port,
  postgresUrl,
  proxySource,
  proxyUrl,
  TOKEN_MIN_CHARACTERS,
  token,
  unixSocket,
} from './setting-parsers.js';

/** Every setting of the standalone server, in the order of `.env.example`. */
export const SETTINGS = {
  PUBLIC_ORIGIN: {
    preset: 'https://cloud1.localhost:8441',
    comment: 'Our identity: https, a DNS name in A-label form, an optional port, nothing after it.',
    parse: origin,
  },
  FEDERATION_ORIGIN: {
    comment:
      "Where peers' calls arrive: same host, any port; another port has a listener of its own. Unset: PUBLIC_ORIGIN.",
    parse: origin,
  },
  DISPLAY_NAME: {
    comment: 'Brand shown to people and peers. Unset: the host of PUBLIC_ORIGIN.',
    parse: line(255),
  },
  DOMAINS: {
    comment: 'Comma list of the domains whose addresses are ours (alice@DOMAIN). Unset: the host of PUBLIC_ORIGIN.',
    parse: domains,
  },
  LISTEN_HOST: {
    preset: '0.0.0.0',
    comment: 'Address to listen on. With TLS_MODE=proxy: 127.0.0.1 or ::1.',
    parse: listenHost,
  },
  LISTEN_PORT: {
    comment: 'Port to listen on. Unset: the port of PUBLIC_ORIGIN; with TLS_MODE=proxy it has to be set.',
    parse: port,
  },
  FEDERATION_LISTEN_PORT: {
    comment: "Port of the peers' own listener, if FEDERATION_ORIGIN differs. Unset: the port of FEDERATION_ORIGIN.",
    parse: port,
  },
  LISTEN_SOCKET: {
    comment:
      'Unix socket (mode 0660) to listen on instead of a port, with TLS_MODE=proxy. One listener answers for both origins.',
    parse: unixSocket,
  },
  DATABASE_URL: {
    comment:
      'PostgreSQL 15 or later, postgres://user:password@host:port/database. Unset: an embedded server, its data below DATA_DIR.',
    shown: 'without-credentials',
    parse: postgresUrl,
  },
  MIGRATION_DATABASE_URL: {
    comment:
      "The same database as the schema's owner, who alone needs to change tables. Unset: DATABASE_URL, which then does both.",
    shown: 'without-credentials',
    parse: postgresUrl,
  },
  DATA_DIR: {
    preset: './data',
    comment:
      'Embedded database, generated keys, admin token. Mode 0700, files 0600. Back it up as a whole, while the server is stopped.',
    parse: file,
  },
  TLS_CERT_FILE: {
    comment:
      'The web certificate with its chain, PEM. Another one in its place is shown within seconds, after SIGHUP at once. Unset, together with TLS_KEY_FILE: a development certificate. With TLS_MODE=proxy the proxy has it.',
    parse: file,
  },
  TLS_KEY_FILE: {
    comment:
      'Private key of the web certificate, PEM, without a passphrase. Watched with it: they count once they belong together.',
    parse: file,
  },
  TLS_MODE: {
    preset: 'direct',
    comment:
      'direct: we end TLS ourselves and ask peers for their certificates. proxy: a reverse proxy on this machine does, and hands them on in the Client-Cert header (RFC 9440); deploy/ has configurations.',
    parse: oneOf('direct', 'proxy'),
  },
  PROXY_TRUSTED: {
    comment:
      'Whose Client-Cert and X-Forwarded-For are believed, with TLS_MODE=proxy: unix (whoever may open LISTEN_SOCKET), or a comma list of networks that the proxy calls from, such as 127.0.0.1/32; every process there can then speak for every peer.',
    parse: proxySource,
  },
  FEDERATION_CERT_FILE: {
    comment:
      'The certificate we show to peers, PEM: P-256, clientAuth and serverAuth, our host as its only name. Read at first start only. Unset, together with FEDERATION_KEY_FILE: self-signed.',
    parse: file,
  },
  FEDERATION_KEY_FILE: {
    comment: 'Private key of the federation certificate, PEM, without a passphrase.',
    parse: file,
  },
  SEAL_KEY_FILE: {
    comment:
      'Holds 32 bytes as base64 text, which seal every other key and secret in the database; the same file on every node. Needed with DATABASE_URL. Unset: DATA_DIR/seal.key, made at first start.',
    parse: file,
  },
  PEER_CA_FILE: {
    comment:
      "Extra roots for peers' web certificates, PEM; read again when the file changes. Unset: the system's roots only.",
    parse: file,
  },
  PEER_NETWORK_ALLOW: {
    comment:
      'Comma list of otherwise forbidden networks that peers may live in; for a lab: 127.0.0.0/8,::1/128. Unset: none.',
    parse: networks,
  },
  OUTBOUND_PROXY: {
    comment:
      'CONNECT proxy for calls to peers, http://user:password@proxy.example:3128 or https://. It is told checked addresses, never names. Unset: none; HTTPS_PROXY and its like are ignored.',
    shown: 'nothing',
    parse: proxyUrl,
  },
  ADMIN_TOKEN_FILE: {
    comment: 'Holds the bootstrap credential with all roles. Unset: DATA_DIR/admin-token, made at first start.',
    parse: file,
  },
  ADMIN_TOKEN: {
    comment: `The same as text, at least ${TOKEN_MIN_CHARACTERS} characters. A file is safer: processes of this user can read our environment.`,
    shown: 'nothing',
    parse: token,
  },
  FEDERATION_ENABLED: {
    preset: 'true',
    comment: 'Trusted relationships. false: their routes answer 501.',
    parse: flag,
  },
  SHARING_ENABLED: {
    preset: 'true',
    comment: 'Shares in both directions. false: their routes answer 501.',
    parse: flag,
  },
  LOGIN_ENABLED: {
    preset: 'true',
    comment: 'Federated login. false: its routes answer 501.',
    parse: flag,
  },
  ACCEPT_INVITATIONS: {
    preset: 'ask',
    comment: 'ask: an incoming share waits for its recipient. auto: it is accepted at once.',
    parse: oneOf('ask', 'auto'),
  },
  RESOURCES_DIR: {
    comment: 'What accounts can share lies here: <username>/<resourceId>. Unset: DATA_DIR/resources.',
    parse: file,
  },
  DOCS_ENABLED: {
    preset: 'true',
    comment: 'Swagger UI at /docs.',
    parse: flag,
  },
  REQUIRE_FINGERPRINT: {
    preset: 'false',
    comment: "true: an operator must type the peer's fingerprint whenever trust is given.",
    parse: flag,
  },
  LOG_LEVEL: {
    preset: 'info',
    comment: 'fatal, error, warn, info, debug, trace or silent.',
    parse: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
  },
} as const satisfies Readonly<Record<string, Setting>>;

export type Settings = Values<typeof SETTINGS>;

/** Settings of later releases. Set, they are refused rather than passed over: somebody relies on them. */
export const NOT_IN_THIS_RELEASE = [
  'OIDC_ISSUER',
  'OIDC_AUDIENCE',
  'OIDC_ROLE_CLAIM',
  'LOGIN_OIDC_ISSUER',
  'LOGIN_OIDC_CLIENT_ID',
  'LOGIN_OIDC_CLIENT_SECRET_FILE',
  'DISCOVERY_FANOUT',
  'REGISTER_URL',
  'CLIENTS_URL',
  'SMTP_URL',
  'MAIL_FROM',
  'METRICS_TOKEN',
] as const;
