import { constants } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import type { KeyAndCertificate } from '../host/federation-options.js';
import { TrustedProxy } from '../host/trusted-proxy.js';
import type { Edge } from './edge.js';
import { LIMITS } from './limits.js';
import { ProxyListener } from './proxy-listener.js';

/** Forward secrecy and authenticated encryption only. The names of TLS 1.3 come first; they have nothing weaker. */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':');

const HTTP_OPTIONS: http.ServerOptions = {
  headersTimeout: LIMITS.headersTimeout,
  keepAliveTimeout: LIMITS.keepAliveTimeout,
  connectionsCheckingInterval: LIMITS.connectionsCheckingInterval,
  maxHeaderSize: LIMITS.maxHeaderSize,
  insecureHTTPParser: false,
  // A missing Host is refused by the edge, in the shape of every other error.
  requireHostHeader: false,
};

export interface ListenerTls extends KeyAndCertificate {
  /** Ask every client for a certificate. Whoever has none, or an unknown one, is let in: the guards decide. */
  readonly askForClientCertificates: boolean;
  /** PEM of the one authority that the request for a certificate names. Nobody holds a certificate of it, so browsers stay silent. */
  readonly namedAuthority?: string;
}

/**
 * What a TLS listener shows and accepts. Sessions are never resumed: a resumed one would vouch for a client certificate
 * that nobody proved to hold, even after it expired. Without tickets, and with no store of ours behind
 * `resumeSession`, neither kind of resumption exists.
 */
export function secureContextOptions(tls: ListenerTls): SecureContextOptions {
  return {
    cert: tls.certificate,
    key: tls.privateKey.reveal(),
    ca: tls.namedAuthority,
    ciphers: CIPHERS,
    minVersion: 'TLSv1.2',
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}

export type Listener = http.Server | https.Server;

/**
 * A server for one address.
 * @param requestTimeout how long a request may take to arrive, in milliseconds
 * @param end who ends TLS: we, or a proxy; left out, there is none
 */
export function createListener(edge: Edge, requestTimeout: number, end?: ListenerTls | TrustedProxy): Listener {
  const server = serverFor(edge, { ...HTTP_OPTIONS, requestTimeout }, end);
  // All lines are counted by the edge; by itself Node drops those above its limit without a word.
  server.maxHeadersCount = 0;
  server.on('checkExpectation', edge.receive);
  server.on('connect', edge.tunnel);
  server.on('clientError', edge.malformed);
  return server;
}

function serverFor(edge: Edge, options: http.ServerOptions, end?: ListenerTls | TrustedProxy): Listener {
  if (end === undefined) return http.createServer(options, edge.receive);
  if (!(end instanceof TrustedProxy)) return https.createServer({ ...options, ...httpsOptions(end) }, edge.receive);
  return new ProxyListener(end, { ...options, maxHeaderSize: LIMITS.maxHeaderSizeBehindProxy }, edge.receive);
}

function httpsOptions(tls: ListenerTls): https.ServerOptions {
  return {
    ...secureContextOptions(tls),
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: LIMITS.handshakeTimeout,
    requestCert: tls.askForClientCertificates,
    rejectUnauthorized: false,
  };
}
