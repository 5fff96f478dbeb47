import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type ConnectionOptions, connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { TestCloud } from '../support/cloud.js';
import type { HostilePeer } from '../support/hostile-peer.js';
import { hostileAt, stopAll, trusted } from '../trust/mesh.js';
import { requestText } from '../trust/raw.js';

const run = promisify(execFile);

describe.each([
  ['the one listener', false],
  ['the listener for peers alone', true],
])('TLS with peers, on %s', (_, ownListener) => {
  let cloud: TestCloud;
  let peer: HostilePeer;
  let port: number;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    [cloud, peer] = await Promise.all([
      TestCloud.start({ name: 'a', authority, ownListener }),
      hostileAt('b.localhost', authority),
    ]);
    port = Number(new URL(cloud.endpoint).port);
    await trusted(cloud, peer);
  });
  afterAll(() => stopAll(cloud, peer));

  async function dial(options: ConnectionOptions): Promise<TLSSocket> {
    const socket = connect({ host: '127.0.0.1', port, servername: cloud.host, rejectUnauthorized: false, ...options });
    await once(socket, 'secureConnect');
    return socket;
  }

  /** Asks on the connection, which stays open after a 200. */
  async function statusOn(socket: TLSSocket): Promise<string> {
    socket.write(requestText(cloud.endpoint, 'POST', '/federation/ping'));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return answer.toString().slice(9, 12);
  }

  it.each<SecureVersion>(['TLSv1.2', 'TLSv1.3'])(
    'gives nothing to resume: what a peer’s connection left behind is worth nothing without its key, in %s',
    async (version) => {
      const versions = { minVersion: version, maxVersion: version } as const;
      const { certificate, privateKey } = peer.credential;
      const first = await dial({ ...versions, cert: certificate, key: privateKey });
      const tickets: Buffer[] = [];
      first.on('session', (session) => tickets.push(session));
      expect(await statusOn(first)).toBe('200');
      const kept = first.getSession();
      if (!kept) throw new Error('a connection without a session');
      first.destroy();
      // TLS 1.3 may hand out names of sessions, which nobody here remembers.
      for (const session of [kept, ...tickets]) {
        const again = await dial({ ...versions, session });
        expect(again.isSessionReused()).toBe(false);
        expect(await statusOn(again)).toBe('401');
        again.destroy();
      }
    },
  );

  it('is not negotiated again on a connection', async () => {
    const socket = await dial({ maxVersion: 'TLSv1.2' });
    const refused = await new Promise((resolve) => {
      socket.once('close', () => resolve('closed')).once('error', (error) => resolve(error));
      socket.renegotiate({}, (error) => resolve(error ?? 'renegotiated'));
    });
    socket.destroy();
    expect(refused).not.toBe('renegotiated');
  });

  it.each<[string, ConnectionOptions]>([
    ['TLS 1.0', { minVersion: 'TLSv1', maxVersion: 'TLSv1' }],
    ['TLS 1.1', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' }],
    ['CBC', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE+AES+SHA:ECDHE+AES+SHA256:ECDHE+AES+SHA384' }],
    ['a key exchange without forward secrecy', { maxVersion: 'TLSv1.2', ciphers: 'kRSA' }],
    ['DHE', { maxVersion: 'TLSv1.2', ciphers: 'kDHE' }],
    ['CCM with a short tag', { maxVersion: 'TLSv1.2', ciphers: 'AES128-CCM8:ECDHE-ECDSA-AES128-CCM8' }],
    ['no authentication', { maxVersion: 'TLSv1.2', ciphers: 'aNULL' }],
  ])('is never %s', async (_what, options) => {
    const ciphers = `${options.ciphers ?? 'ALL'}:@SECLEVEL=0`;
    const outcome = await dial({ ...options, ciphers }).then(
      (socket) => {
        socket.destroy();
        return socket.getCipher().name;
      },
      (error: { code?: string }) => error.code,
    );
    expect(outcome).toMatch(/ALERT|ECONNRESET/);
  });

  it('is 1.2 or 1.3 with forward secrecy and authenticated encryption, says a scanner', async (context) => {
    const report = await scan();
    if (report === undefined) return context.skip('sslscan is not installed');
    const enabled = [...report.matchAll(/^(\S+)\s+enabled$/gm)].map(([, protocol]) => protocol);
    expect(enabled).toEqual(['TLSv1.2', 'TLSv1.3']);
    expect(report).toMatch(/Session renegotiation not supported/);
    expect(report).not.toMatch(/Compression enabled/i);
    const ciphers = [...report.matchAll(/^(?:Preferred|Accepted)\s+(\S+)\s+\d+ bits\s+(\S+)/gm)];
    expect(ciphers.length).toBeGreaterThanOrEqual(6);
    for (const [, version, cipher] of ciphers) {
      expect(cipher).toMatch(version === 'TLSv1.3' ? /^TLS_(?:AES|CHACHA20)/ : /^ECDHE-ECDSA-.*(?:GCM|POLY1305)/);
    }
  }, 60_000);

  /** What the scanner prints; undefined if there is none. */
  async function scan(): Promise<string | undefined> {
    const where = [`--sni-name=${cloud.host}`, `127.0.0.1:${port}`];
    try {
      return (await run('sslscan', ['--no-colour', '--no-heartbleed', '--no-groups', ...where], { timeout: 55_000 }))
        .stdout;
    } catch (error) {
      if ((error as { code?: string }).code === 'ENOENT') return undefined;
      throw error;
    }
  }
});
