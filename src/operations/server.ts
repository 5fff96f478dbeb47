import { X509Certificate } from 'node:crypto';
import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FederationOptions, KeyAndCertificate } from '../host/federation-options.js';
import { OptionRefused, OwnCloud } from '../host/own-cloud.js';
import { OcmErrorFilter } from '../ocm/http/ocm-error.filter.js';
import { spkiPin } from '../transport/certificates.js';
import { OwnIdentity } from '../trust/own-identity.js';
import { createFederationAdapter, type FederationAdapter } from './federation-adapter.js';
import { once } from './graceful-stop.js';
import { type LogLevel, PinoLogger } from './logging.js';

export interface FederationServerOptions {
  readonly federation: FederationOptions;
  readonly listen: ListenAddress;
  /** The web certificate. Left out behind a proxy that ends TLS. */
  readonly web?: KeyAndCertificate;
  readonly logLevel?: LogLevel;
  /** Default: JSON lines on standard output. */
  readonly logger?: PinoLogger;
}

/**
 * Where to listen. `federationPort` counts only if `federationOrigin` differs from `publicOrigin`, and not behind a proxy,
 * where one listener answers for both. 0 = any free port. `socket` is the path of a unix socket, behind a proxy only.
 */
export type ListenAddress =
  | { readonly host: string; readonly port: number; readonly federationPort?: number }
  | { readonly socket: string };

/** What a running server says of itself. */
export interface ServerDescription {
  readonly origin: string;
  readonly endpoint: string;
  /** Pin of the certificate that we show to peers. */
  readonly federationFingerprint: string;
  /** That certificate, PEM. */
  readonly federationCertificate: string;
  /** Undefined where a proxy shows the web certificate. */
  readonly webFingerprint?: string;
  /** Swagger UI; undefined where it is switched off. */
  readonly docs?: string;
  /** Where it listens in fact; `public` is 0 on a unix socket. */
  readonly ports: { readonly public: number; readonly federation?: number };
}

export interface RunningFederation {
  readonly app: NestFastifyApplication;
  readonly logger: PinoLogger;
  /**
   * Readiness turns 503, nothing new is accepted, what is in flight ends (30 s at most), then workers and database.
   * Asking twice is asking once.
   */
  stop(): Promise<void>;
  describe(): ServerDescription;
  /**
   * From now on new connections see this web certificate; open ones go on. @throws Error if it and its key cannot be used
   * together: what was shown before stays.
   */
  reloadWebCertificate(web: KeyAndCertificate): void;
}

/** Starts a server of its own around the module. Resolves once it listens. @throws OptionRefused, or why it cannot listen. */
export async function startFederationServer(
  module: Type | DynamicModule,
  options: FederationServerOptions,
): Promise<RunningFederation> {
  const cloud = new OwnCloud(options.federation);
  const logger = options.logger ?? new PinoLogger(options.logLevel);
  checkTogether(cloud, options);
  const adapter = createFederationAdapter({
    origins: [cloud.origin.toString(), cloud.endpoint.toString()],
    tls: options.web,
    proxy: options.federation.proxy,
    askForClientCertificates: !cloud.hasFederationListener,
    log: (line) => logger.request(line),
    alone: true,
  });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger,
    bodyParser: false,
    abortOnError: false,
  });
  app.useGlobalFilters(new OcmErrorFilter());
  const stop = once(() => app.close());
  try {
    await app.init();
    const federationPort = await listenForPeers(app, adapter, cloud, options.listen);
    await listen(app, options.listen);
    const ports = { public: portOf(adapter.getHttpServer()), federation: federationPort };
    return {
      app,
      logger,
      stop,
      describe: () => describe(app, cloud, adapter, ports),
      reloadWebCertificate: (web) => adapter.showWebCertificate(web),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function checkTogether({ proxy }: OwnCloud, { web, listen: address }: FederationServerOptions): void {
  if (!web && !proxy) throw new OptionRefused('web', 'is needed, unless a proxy ends TLS');
  if ('socket' in address && !proxy) throw new OptionRefused('listen', 'a unix socket is for a proxy that ends TLS');
}

/** Peers' calls arrive on a listener of their own, which shows the federation certificate. Gives its port, if it is so. */
async function listenForPeers(
  app: NestFastifyApplication,
  adapter: FederationAdapter,
  cloud: OwnCloud,
  address: ListenAddress,
): Promise<number | undefined> {
  if (!cloud.hasFederationListener || 'socket' in address) return undefined;
  const identity = app.get(OwnIdentity, { strict: false });
  const { host, port, federationPort } = address;
  const listener = await adapter.listenForPeers(identity.current(), { host, port: federationPort ?? port + 1 });
  identity.onChange((changed) => adapter.showToPeers(changed));
  return portOf(listener);
}

function listen(app: NestFastifyApplication, address: ListenAddress): Promise<unknown> {
  if ('socket' in address) return app.listen({ path: address.socket });
  return app.listen({ host: address.host, port: address.port });
}

function describe(
  app: NestFastifyApplication,
  cloud: OwnCloud,
  { webCertificate: web }: FederationAdapter,
  ports: ServerDescription['ports'],
): ServerDescription {
  const identity = app.get(OwnIdentity, { strict: false }).current();
  return {
    origin: cloud.origin.toString(),
    endpoint: cloud.endpoint.toString(),
    federationFingerprint: identity.pin,
    federationCertificate: identity.certificate,
    webFingerprint: web && spkiPin(new X509Certificate(web.certificate)),
    docs: cloud.options.docs === false ? undefined : `${cloud.origin}/docs`,
    ports,
  };
}

function portOf(server: { address(): unknown }): number {
  const address = server.address();
  return typeof address === 'object' && address !== null && 'port' in address ? Number(address.port) : 0;
}
