import { OptionRefused } from '../index.js';
import { EmbeddedPostgresUnavailable } from './postgres-binaries.js';
import { SettingsRefused } from './setting.js';
import type { RunningStandalone } from './start-standalone.js';

/** What a person at the terminal wants to know of a server that has started. */
export async function describeStart(running: RunningStandalone): Promise<string> {
  const server = await running.federation.describe();
  const { developmentCertificate, adminTokenFile } = running;
  return [
    ['Origin', server.origin],
    ['Federation origin', server.endpoint],
    ['Web certificate', server.webFingerprint ?? 'shown by the proxy'],
    ['Federation certificate', server.federationFingerprint],
    ['Admin token', adminTokenFile ?? 'as given in ADMIN_TOKEN'],
    ['Swagger UI', server.docs ?? 'off'],
    ...(developmentCertificate
      ? [
          [
            'Development only',
            `the web certificate was made here; its authority is ${developmentCertificate.authorityFile}`,
          ],
        ]
      : []),
  ]
    .map(([name, value]) => `${`${name}:`.padEnd(24)}${value}`)
    .join('\n');
}

/** SQLSTATE classes: who we are, which database, its resources, its operator (also while it starts or stops). */
const REFUSED_BY_DATABASE = /^(?:28|3D|53|57)[0-9A-Z]{3}$/;

/** Options are refused by the names they have in code; whoever runs a server knows them by its settings. */
const SETTING_OF_OPTION: Readonly<Record<string, string>> = {
  publicOrigin: 'PUBLIC_ORIGIN',
  federationOrigin: 'FEDERATION_ORIGIN',
  domains: 'DOMAINS',
  sealKey: 'SEAL_KEY_FILE',
  adminToken: 'ADMIN_TOKEN',
  federationCertificate: 'FEDERATION_CERT_FILE',
  proxy: 'PROXY_TRUSTED',
};

/** Of a unix socket. */
const NO_PORT = -1;

/** Why a start failed, in one sentence or one line for each bad setting; without secrets, without a stack. */
export function describeFailure(error: unknown): string {
  if (error instanceof SettingsRefused || error instanceof EmbeddedPostgresUnavailable) return error.message;
  if (error instanceof OptionRefused) return `${SETTING_OF_OPTION[error.option] ?? error.option}: ${error.expected}`;
  const { code = '', port, syscall = '', message = '' } = causeOf(error);
  if (code === 'EADDRINUSE' && port === NO_PORT) return 'Another process listens on LISTEN_SOCKET. End that one.';
  if (code === 'EADDRINUSE') {
    return `Port ${port} is in use by another program. End that one, or set LISTEN_PORT or FEDERATION_LISTEN_PORT.`;
  }
  if (syscall === 'listen')
    return `The server cannot listen (${message}). Check LISTEN_HOST and LISTEN_PORT, or LISTEN_SOCKET.`;
  if (['connect', 'getaddrinfo'].includes(syscall) || REFUSED_BY_DATABASE.test(code)) {
    return `The database cannot be used (${message || code}). Check DATABASE_URL.`;
  }
  return `The server cannot start: ${message || code || String(error)}`;
}

interface Cause {
  readonly code?: string;
  readonly port?: number;
  readonly syscall?: string;
  readonly message?: string;
}

/** A host with several addresses fails once for each: the first says as much as all of them. */
function causeOf(error: unknown): Cause {
  if (error instanceof AggregateError) return causeOf(error.errors[0]);
  return error instanceof Error ? error : { message: String(error) };
}
