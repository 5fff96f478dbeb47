import type { FederationOptions, FederationServerOptions, Origin, Secret } from '../index.js';
import { checkProxy } from './check-proxy.js';
import { Problems, readSettings } from './setting.js';
import {
  type KeyAndCertificate,
  pemOf,
  readCertificateFor,
  readCertificates,
  readPrivateKey,
  readSealKey,
  readToken,
} from './setting-files.js';
import { NOT_IN_THIS_RELEASE, SETTINGS, type Settings } from './settings.js';

/** What the environment says, checked; whatever is undefined is made in `dataDir` at first start. */
export interface Environment {
  readonly settings: Settings;
  readonly origin: Origin;
  readonly dataDir: string;
  readonly listen: FederationServerOptions['listen'];
  readonly web?: KeyAndCertificate;
  readonly federationCertificate?: KeyAndCertificate;
  readonly sealKey?: Uint8Array;
  readonly adminToken?: Secret;
  readonly peerRoots?: readonly string[];
}

/**
 * Reads the settings; the only place that looks at the process's environment. Reads the files they name, writes nothing.
 * @throws SettingsRefused with everything that is wrong.
 */
export function readEnvironment(variables: Readonly<Record<string, string | undefined>> = process.env): Environment {
  const problems = new Problems();
  refuseLaterSettings(variables, problems);
  const settings = readSettings(SETTINGS, variables, problems);
  checkTogether(settings, problems);
  const files = readFiles(settings, problems);
  problems.check();
  return {
    settings,
    origin: settings.PUBLIC_ORIGIN,
    dataDir: settings.DATA_DIR,
    listen: listeners(settings),
    ...files,
  };
}

/** What `FederationModule` is told, but for the database and what is made at first start. */
export function federationOptions(
  environment: Environment,
): Omit<FederationOptions, 'database' | 'sealKey' | 'adminToken'> {
  const { settings, federationCertificate, peerRoots } = environment;
  return {
    publicOrigin: settings.PUBLIC_ORIGIN.toString(),
    federationOrigin: settings.FEDERATION_ORIGIN?.toString(),
    displayName: settings.DISPLAY_NAME,
    domains: domainsOf(environment),
    federationCertificate,
    outbound: {
      extraRoots: peerRoots,
      allowNetworks: settings.PEER_NETWORK_ALLOW,
      proxy: settings.OUTBOUND_PROXY,
    },
    switches: {
      federation: settings.FEDERATION_ENABLED,
      sharing: settings.SHARING_ENABLED,
      login: settings.LOGIN_ENABLED,
    },
    acceptInvitations: settings.ACCEPT_INVITATIONS,
    requireFingerprint: settings.REQUIRE_FINGERPRINT,
    docs: settings.DOCS_ENABLED,
    proxy: settings.PROXY_TRUSTED && { trusted: settings.PROXY_TRUSTED },
  };
}

export function domainsOf({ settings, origin }: Environment): string[] {
  return settings.DOMAINS ?? [origin.host];
}

function refuseLaterSettings(variables: Readonly<Record<string, string | undefined>>, problems: Problems): void {
  for (const name of NOT_IN_THIS_RELEASE) {
    if (variables[name]?.trim()) problems.add(`${name} is set, but not in this release: remove it`);
  }
}

/** What no setting can say for itself. Settings that were refused are undefined here, and have been told of. */
function checkTogether(settings: Partial<Settings>, problems: Problems): void {
  const { PUBLIC_ORIGIN: own, FEDERATION_ORIGIN: endpoint } = settings;
  if (own && endpoint && own.host !== endpoint.host) {
    problems.add(`FEDERATION_ORIGIN is "${endpoint}": it must have the host of PUBLIC_ORIGIN, ${own.host}`);
  }
  const hasOwnListener = settings.TLS_MODE === 'direct' && own && endpoint && !own.equals(endpoint);
  if (settings.FEDERATION_LISTEN_PORT && settings.TLS_MODE === 'direct' && !hasOwnListener) {
    problems.add('FEDERATION_LISTEN_PORT is set: there is such a listener only if FEDERATION_ORIGIN has another port');
  }
  if (hasOwnListener && (settings.FEDERATION_LISTEN_PORT ?? endpoint.port) === (settings.LISTEN_PORT ?? own.port)) {
    problems.add('FEDERATION_LISTEN_PORT must differ from LISTEN_PORT');
  }
  checkProxy(settings, problems);
  mustComeTogether('TLS_CERT_FILE', 'TLS_KEY_FILE', settings, problems);
  mustComeTogether('FEDERATION_CERT_FILE', 'FEDERATION_KEY_FILE', settings, problems);
  if (settings.ADMIN_TOKEN && settings.ADMIN_TOKEN_FILE)
    problems.add('ADMIN_TOKEN and ADMIN_TOKEN_FILE are both set: keep one');
  if (settings.DATABASE_URL && !settings.SEAL_KEY_FILE) {
    problems.add('SEAL_KEY_FILE must be given with DATABASE_URL; "openssl rand -base64 32" makes its contents');
  }
  if (settings.MIGRATION_DATABASE_URL && !settings.DATABASE_URL) {
    problems.add('MIGRATION_DATABASE_URL is set: it needs DATABASE_URL beside it');
  }
}

function mustComeTogether(
  one: keyof Settings,
  other: keyof Settings,
  settings: Partial<Settings>,
  problems: Problems,
): void {
  if (settings[one] && !settings[other]) problems.add(`${one} is set: it needs ${other} beside it`);
  if (settings[other] && !settings[one]) problems.add(`${other} is set: it needs ${one} beside it`);
}

type Files = Pick<Environment, 'web' | 'federationCertificate' | 'sealKey' | 'adminToken' | 'peerRoots'>;

function readFiles(settings: Partial<Settings>, problems: Problems): Files {
  const { read, pair } = readers(settings, problems);
  return {
    web: pair('TLS_CERT_FILE', 'TLS_KEY_FILE'),
    federationCertificate: pair('FEDERATION_CERT_FILE', 'FEDERATION_KEY_FILE'),
    sealKey: read('SEAL_KEY_FILE', readSealKey),
    adminToken: settings.ADMIN_TOKEN ?? read('ADMIN_TOKEN_FILE', readToken),
    peerRoots: read('PEER_CA_FILE', readCertificates),
  };
}

/** What the files of the web certificate hold by now. @throws SettingsRefused */
export function rereadWeb({ settings }: Pick<Environment, 'settings'>): KeyAndCertificate | undefined {
  return reread(settings, ({ pair }) => pair('TLS_CERT_FILE', 'TLS_KEY_FILE'));
}

/** What `PEER_CA_FILE` holds by now. @throws SettingsRefused */
export function rereadPeerRoots({ settings }: Pick<Environment, 'settings'>): readonly string[] | undefined {
  return reread(settings, ({ read }) => read('PEER_CA_FILE', readCertificates));
}

function reread<T>(settings: Settings, work: (files: ReturnType<typeof readers>) => T): T {
  const problems = new Problems();
  const value = work(readers(settings, problems));
  problems.check();
  return value;
}

function readers(settings: Partial<Settings>, problems: Problems) {
  const read = <T>(name: keyof Settings, work: (file: string) => T): T | undefined => {
    const file = settings[name];
    return typeof file === 'string' ? problems.of(`${name} is "${file}": it`, () => work(file)) : undefined;
  };
  const pair = (certificateFile: keyof Settings, keyFile: keyof Settings): KeyAndCertificate | undefined => {
    const key = read(keyFile, readPrivateKey);
    const host = settings.PUBLIC_ORIGIN?.host;
    const certificate =
      host === undefined ? undefined : read(certificateFile, (file) => readCertificateFor(host, file));
    if (!key || !certificate) return undefined;
    if (!certificate.leaf.checkPrivateKey(key))
      problems.add(`${keyFile} does not hold the key of the certificate in ${certificateFile}`);
    return { certificate: certificate.chain, privateKey: pemOf(key) };
  };
  return { read, pair };
}

function listeners(settings: Settings): Environment['listen'] {
  const { PUBLIC_ORIGIN: own, FEDERATION_ORIGIN: endpoint, LISTEN_SOCKET: socket } = settings;
  if (socket) return { socket };
  const federationPort =
    endpoint && !endpoint.equals(own) ? (settings.FEDERATION_LISTEN_PORT ?? endpoint.port) : undefined;
  return { host: settings.LISTEN_HOST, port: settings.LISTEN_PORT ?? own.port, federationPort };
}
