import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeSelfSignedCertificate } from '../../src/index.js';
import { domainsOf, federationOptions, readEnvironment } from '../../src/standalone/environment.js';
import { SettingsRefused } from '../../src/standalone/setting.js';
import { NOT_IN_THIS_RELEASE } from '../../src/standalone/settings.js';

type Variables = Record<string, string>;

const BEHIND = { TLS_MODE: 'proxy', PROXY_TRUSTED: '127.0.0.1/32', LISTEN_HOST: '127.0.0.1', LISTEN_PORT: '8440' };

let folder: string;
const file = (name: string, text = '') => {
  writeFileSync(path.join(folder, name), text);
  return path.join(folder, name);
};

const problemsOf = (variables: Variables): readonly string[] => {
  try {
    readEnvironment(variables);
    return [];
  } catch (error) {
    if (error instanceof SettingsRefused) return error.problems;
    throw error;
  }
};

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'entente-environment-'));
  for (const host of ['cloud1.localhost', 'cloud2.localhost']) {
    const { certificate, privateKey } = await makeSelfSignedCertificate(host);
    file(`${host}.crt`, certificate);
    file(`${host}.key`, privateKey);
  }
});

afterAll(() => rmSync(folder, { recursive: true }));

describe('the environment', () => {
  it('needs nothing to be set', () => {
    const environment = readEnvironment({});

    expect(environment.origin.toString()).toBe('https://cloud1.localhost:8441');
    expect(environment.listen).toEqual({ host: '0.0.0.0', port: 8441, federationPort: undefined });
    expect(environment.dataDir).toBe(path.resolve('data'));
    expect(domainsOf(environment)).toEqual(['cloud1.localhost']);
    expect(federationOptions(environment)).toMatchObject({
      publicOrigin: 'https://cloud1.localhost:8441',
      switches: { federation: true, sharing: true, login: true },
      acceptInvitations: 'ask',
      requireFingerprint: false,
      docs: true,
    });
  });

  it('takes an empty text for a setting that is not set', () => {
    expect(problemsOf({ PUBLIC_ORIGIN: '', DATABASE_URL: ' ', SMTP_URL: '' })).toEqual([]);
  });

  it.each<[string, string, string]>([
    ['PUBLIC_ORIGIN', 'http://cloud1.de', 'must be https://, a DNS name'],
    ['PUBLIC_ORIGIN', 'https://cloud1.de/path', 'must be https://, a DNS name'],
    ['PUBLIC_ORIGIN', 'https://192.0.2.1', 'must be https://, a DNS name'],
    ['FEDERATION_ORIGIN', 'cloud1.localhost', 'must be https://, a DNS name'],
    ['FEDERATION_ORIGIN', 'https://cloud2.localhost:8449', 'must have the host of PUBLIC_ORIGIN, cloud1.localhost'],
    ['DISPLAY_NAME', 'two\nlines', 'must be one line of at most 255 bytes'],
    ['DOMAINS', 'cloud1.de,,cloud2.de', 'must be a comma list of different DNS names'],
    ['DOMAINS', 'cloud1.de,CLOUD1.de', 'must be a comma list of different DNS names'],
    ['LISTEN_HOST', 'not a host', 'must be an IP address or a host name'],
    ['LISTEN_PORT', '0', 'must be a port from 1 to 65535'],
    ['LISTEN_PORT', '8441x', 'must be a port from 1 to 65535'],
    ['FEDERATION_LISTEN_PORT', '65536', 'must be a port from 1 to 65535'],
    ['DATABASE_URL', 'mysql://localhost/x', 'must be postgres://user:password@host:port/database'],
    ['DATABASE_URL', 'postgres://localhost', 'must be postgres://user:password@host:port/database'],
    ['MIGRATION_DATABASE_URL', 'nonsense', 'must be postgres://user:password@host:port/database'],
    ['TLS_MODE', 'off', 'must be direct or proxy'],
    ['PROXY_TRUSTED', 'localhost', 'must be unix, or a comma list of networks, such as 127.0.0.1/32'],
    ['PROXY_TRUSTED', '127.0.0.1', 'must be unix, or a comma list of networks'],
    ['PROXY_TRUSTED', 'unix,127.0.0.1/32', 'must be unix, or a comma list of networks'],
    ['LISTEN_SOCKET', `/${'x'.repeat(104)}`, 'must be a path of at most 104 bytes'],
    ['PEER_NETWORK_ALLOW', '127.0.0.1', 'must be a comma list of networks'],
    ['PEER_NETWORK_ALLOW', '127.0.0.0/8,10.0.0.0/33', 'must be a comma list of networks'],
    ['PEER_NETWORK_ALLOW', '::1/129', 'must be a comma list of networks'],
    ['FEDERATION_ENABLED', 'yes', 'must be true or false'],
    ['SHARING_ENABLED', '1', 'must be true or false'],
    ['LOGIN_ENABLED', 'TRUE', 'must be true or false'],
    ['DOCS_ENABLED', 'on', 'must be true or false'],
    ['REQUIRE_FINGERPRINT', 'no', 'must be true or false'],
    ['ACCEPT_INVITATIONS', 'always', 'must be ask or auto'],
    ['LOG_LEVEL', 'loud', 'must be one of fatal, error, warn, info, debug, trace, silent'],
    ['SEAL_KEY_FILE', '/nowhere/seal.key', 'cannot be read (ENOENT)'],
    ['PEER_CA_FILE', '/nowhere/ca.crt', 'cannot be read (ENOENT)'],
    ['ADMIN_TOKEN_FILE', '/nowhere/token', 'cannot be read (ENOENT)'],
  ])('refuses %s=%s', (name, value, expected) => {
    const [problem] = problemsOf({ [name]: value });

    expect(problem).toMatch(new RegExp(`^${name} is `));
    expect(problem).toContain(JSON.stringify(value));
    expect(problem).toContain(expected);
  });

  it.each([
    'proxy.example:3128',
    'socks5://proxy.example',
    'http://proxy.example/path',
    'http://a:b:c%zz@proxy.example',
  ])('refuses %s as a proxy, and says what would be right', (text) => {
    expect(problemsOf({ OUTBOUND_PROXY: text })).toEqual([
      'OUTBOUND_PROXY is "****": it must be http:// or https://, optionally user:password@ in percent-encoding, a host, an optional port, nothing after it',
    ]);
  });

  it('takes the proxy for calls to peers, its password included, and shows it nowhere', () => {
    const environment = readEnvironment({ OUTBOUND_PROXY: 'https://user:hunter2@proxy.example:3128' });
    expect(federationOptions(environment).outbound?.proxy?.reveal()).toBe('https://user:hunter2@proxy.example:3128');
    expect(inspect(environment, { depth: 9 }) + JSON.stringify(environment)).not.toContain('hunter2');
  });

  it.each(['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'])('ignores %s', (name) => {
    expect(federationOptions(readEnvironment({ [name]: 'http://proxy.example:3128' })).outbound?.proxy).toBeUndefined();
  });

  it('tells everything that is wrong at once', () => {
    const problems = problemsOf({ PUBLIC_ORIGIN: 'x', LISTEN_PORT: 'x', LOG_LEVEL: 'x', SMTP_URL: 'x' });

    expect(problems.map((problem) => problem.split(' ')[0]).sort()).toEqual([
      'LISTEN_PORT',
      'LOG_LEVEL',
      'PUBLIC_ORIGIN',
      'SMTP_URL',
    ]);
  });

  it.each<[string, Variables]>([
    ['a short token', { ADMIN_TOKEN: 'hunter2' }],
    ['a token with odd characters', { ADMIN_TOKEN: `hunter2 ${'x'.repeat(40)}` }],
    ['a password in a database address', { DATABASE_URL: 'postgres://user:hunter2@/' }],
    ['a password in an address that is not well formed', { DATABASE_URL: 'postgres://user:hunt/er2@x:y@z:w/db' }],
    ['a password in the address of a proxy', { OUTBOUND_PROXY: 'http://user:hunter2@proxy.example/path' }],
    ['a password in what is no address', { OUTBOUND_PROXY: 'user:hunter2@proxy.example:3128' }],
    ['a password in the query', { DATABASE_URL: 'postgres://db.example?password=hunter2&x=1' }],
    ['settings of a later release', { SMTP_URL: 'smtp://user:hunter2@mail.example' }],
  ])('never shows %s', (_, variables) => {
    const problems = problemsOf(variables);

    expect(problems[0]).toContain(Object.keys(variables)[0]);
    expect(problems.join()).not.toMatch(/hunt|er2/);
  });

  it.each(NOT_IN_THIS_RELEASE)('refuses %s rather than passing over it', (name) => {
    expect(problemsOf({ [name]: 'something' })).toEqual([`${name} is set, but not in this release: remove it`]);
  });

  it.each<[string, Variables, string]>([
    [
      'TLS_CERT_FILE without its key',
      { TLS_CERT_FILE: 'cloud1.localhost.crt' },
      'TLS_CERT_FILE is set: it needs TLS_KEY_FILE',
    ],
    [
      'TLS_KEY_FILE without its certificate',
      { TLS_KEY_FILE: 'cloud1.localhost.key' },
      'TLS_KEY_FILE is set: it needs TLS_CERT_FILE',
    ],
    [
      'FEDERATION_CERT_FILE without its key',
      { FEDERATION_CERT_FILE: 'cloud1.localhost.crt' },
      'FEDERATION_CERT_FILE is set: it needs FEDERATION_KEY_FILE',
    ],
    [
      'a key of another certificate',
      { TLS_CERT_FILE: 'cloud1.localhost.crt', TLS_KEY_FILE: 'cloud2.localhost.key' },
      'TLS_KEY_FILE does not hold the key of the certificate in TLS_CERT_FILE',
    ],
    [
      'a certificate of another host',
      { FEDERATION_CERT_FILE: 'cloud2.localhost.crt', FEDERATION_KEY_FILE: 'cloud2.localhost.key' },
      'it must name cloud1.localhost; it names DNS:cloud2.localhost',
    ],
    [
      'a key where a certificate should be',
      { TLS_CERT_FILE: 'cloud1.localhost.key', TLS_KEY_FILE: 'cloud1.localhost.key' },
      'it must hold a certificate as PEM',
    ],
    [
      'a certificate where a key should be',
      { TLS_CERT_FILE: 'cloud1.localhost.crt', TLS_KEY_FILE: 'cloud1.localhost.crt' },
      'it must hold a private key as PEM, without a passphrase',
    ],
    ['roots that are none', { PEER_CA_FILE: 'cloud1.localhost.key' }, 'it must hold a certificate as PEM'],
    ['a seal key that is none', { SEAL_KEY_FILE: 'cloud1.localhost.key' }, 'it must hold 32 bytes as base64 text'],
  ])('refuses %s', (_, names, expected) => {
    const variables = Object.fromEntries(Object.entries(names).map(([name, base]) => [name, path.join(folder, base)]));

    expect(problemsOf(variables)).toEqual([expect.stringContaining(expected)]);
  });

  it('takes a proxy on a unix socket, or on loopback', () => {
    const onSocket = readEnvironment({ TLS_MODE: 'proxy', PROXY_TRUSTED: 'unix', LISTEN_SOCKET: '/run/entente.sock' });
    expect(onSocket.listen).toEqual({ socket: '/run/entente.sock' });
    expect(federationOptions(onSocket).proxy).toEqual({ trusted: 'unix' });
    const onLoopback = readEnvironment({
      ...BEHIND,
      PROXY_TRUSTED: '127.0.0.1/32, ::1/128',
      FEDERATION_ORIGIN: 'https://cloud1.localhost:8449',
    });
    expect(onLoopback.listen).toMatchObject({ host: '127.0.0.1', port: 8440 });
    expect(federationOptions(onLoopback).proxy).toEqual({ trusted: ['127.0.0.1/32', '::1/128'] });
    expect(federationOptions(readEnvironment({})).proxy).toBeUndefined();
  });

  it.each<[string, Variables, string]>([
    ['on every interface', { LISTEN_HOST: '' }, 'LISTEN_HOST is "0.0.0.0": with TLS_MODE=proxy it must be 127.0.0.1'],
    ['under a name', { LISTEN_HOST: 'localhost' }, 'LISTEN_HOST is "localhost": with TLS_MODE=proxy it must be'],
    ['on the port of the proxy', { LISTEN_PORT: '' }, 'LISTEN_PORT must be given with TLS_MODE=proxy'],
    ['for anybody', { PROXY_TRUSTED: '' }, 'PROXY_TRUSTED must be given with TLS_MODE=proxy: unix, or networks'],
    ['for a socket that is not there', { PROXY_TRUSTED: 'unix' }, 'PROXY_TRUSTED is unix: it needs LISTEN_SOCKET'],
    [
      'for addresses on a socket',
      { LISTEN_HOST: '', LISTEN_PORT: '', LISTEN_SOCKET: '/run/entente.sock' },
      'PROXY_TRUSTED must be unix with LISTEN_SOCKET',
    ],
    [
      'on a socket and a port',
      { PROXY_TRUSTED: 'unix', LISTEN_HOST: '', LISTEN_SOCKET: '/run/entente.sock' },
      'LISTEN_PORT is set: a unix socket has no port',
    ],
    [
      'on a second port for peers',
      { FEDERATION_ORIGIN: 'https://cloud1.localhost:8449', FEDERATION_LISTEN_PORT: '8449' },
      'FEDERATION_LISTEN_PORT is set: with TLS_MODE=proxy one listener answers for both',
    ],
  ])('refuses to listen behind a proxy %s', (_, variables, expected) => {
    expect(problemsOf({ ...BEHIND, ...variables })).toEqual([expect.stringContaining(expected)]);
  });

  it('refuses a web certificate that the proxy has, and a proxy where there is none', () => {
    const pair = { TLS_CERT_FILE: file('cloud1.localhost.crt.copy'), TLS_KEY_FILE: file('cloud1.localhost.key.copy') };
    const problems = problemsOf({ ...BEHIND, ...pair });
    expect(problems).toContainEqual(
      expect.stringMatching(/^TLS_CERT_FILE is set: with TLS_MODE=proxy it is the proxy/),
    );
    expect(problemsOf({ LISTEN_SOCKET: '/run/entente.sock' })).toEqual([
      'LISTEN_SOCKET is set: it counts with TLS_MODE=proxy only',
    ]);
    expect(problemsOf({ PROXY_TRUSTED: 'unix' })).toEqual(['PROXY_TRUSTED is set: it counts with TLS_MODE=proxy only']);
  });

  it.each<[string, Variables, string]>([
    [
      'DATABASE_URL without a seal key',
      { DATABASE_URL: 'postgres://db/entente' },
      'SEAL_KEY_FILE must be given with DATABASE_URL',
    ],
    [
      'a schema owner without a database',
      { MIGRATION_DATABASE_URL: 'postgres://db/entente' },
      'it needs DATABASE_URL beside it',
    ],
    [
      'a port of a listener that is not there',
      { FEDERATION_LISTEN_PORT: '8449' },
      'only if FEDERATION_ORIGIN has another port',
    ],
    [
      'one port for both listeners',
      { FEDERATION_ORIGIN: 'https://cloud1.localhost:8449', LISTEN_PORT: '8449' },
      'FEDERATION_LISTEN_PORT must differ from LISTEN_PORT',
    ],
  ])('refuses %s', (_, variables, expected) => {
    expect(problemsOf(variables)).toEqual([expect.stringContaining(expected)]);
  });

  it('refuses a short token in a file, without showing it', () => {
    const short = file('short-token', 'hunter2\n');

    expect(problemsOf({ ADMIN_TOKEN_FILE: short })).toEqual([
      `ADMIN_TOKEN_FILE is "${short}": it must hold a token of at least 32 characters: letters, digits and -._~+/`,
    ]);
  });

  it('refuses a token that is given twice', () => {
    const token = 'x'.repeat(32);

    expect(problemsOf({ ADMIN_TOKEN: token, ADMIN_TOKEN_FILE: file('token', token) })).toEqual([
      'ADMIN_TOKEN and ADMIN_TOKEN_FILE are both set: keep one',
    ]);
  });

  it('hands on what is well said', () => {
    const environment = readEnvironment({
      PUBLIC_ORIGIN: 'https://Cloud1.localhost',
      FEDERATION_ORIGIN: 'https://cloud1.localhost:8449',
      DOMAINS: 'cloud1.localhost, Example.org',
      LISTEN_HOST: '::1',
      LISTEN_PORT: '9441',
      DATABASE_URL: 'postgres://postgres@/entente?host=%2Frun%2Fpostgresql',
      SEAL_KEY_FILE: file('seal.key', `${Buffer.alloc(32, 7).toString('base64')}\n`),
      TLS_CERT_FILE: path.join(folder, 'cloud1.localhost.crt'),
      TLS_KEY_FILE: path.join(folder, 'cloud1.localhost.key'),
      PEER_CA_FILE: path.join(folder, 'cloud2.localhost.crt'),
      PEER_NETWORK_ALLOW: '127.0.0.0/8, ::1/128',
      ADMIN_TOKEN_FILE: file('good-token', `${'t'.repeat(40)}\n`),
    });

    expect(environment.listen).toEqual({ host: '::1', port: 9441, federationPort: 8449 });
    expect(domainsOf(environment)).toEqual(['cloud1.localhost', 'example.org']);
    expect(environment.sealKey).toEqual(Buffer.alloc(32, 7));
    expect(environment.adminToken?.reveal()).toBe('t'.repeat(40));
    expect(environment.web?.privateKey.reveal()).toContain('BEGIN PRIVATE KEY');
    expect(federationOptions(environment).outbound).toEqual({
      extraRoots: [expect.stringContaining('BEGIN CERTIFICATE')],
      allowNetworks: ['127.0.0.0/8', '::1/128'],
      proxy: undefined,
    });
  });
});
