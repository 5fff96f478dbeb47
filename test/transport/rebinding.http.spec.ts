import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { DestinationPolicy } from '../../src/transport/addresses.js';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { PeerClient } from '../../src/transport/peer-client.js';
import type { ClientCredential } from '../../src/transport/peer-endpoint.js';
import { HostilePeer } from '../support/hostile-peer.js';
import { DnsServer } from './dns-server.js';
import { endpoint, lab, ourCredential, reasonOf } from './fixture.js';

/** What the name server says; the number is how often the name was asked for before. */
const ZONE: Record<string, (asked: number) => readonly string[]> = {
  'good.example': () => ['127.0.0.2'],
  'rebound.example': (asked) => [asked === 0 ? '127.0.0.2' : '127.0.0.1'],
  'mixed.example': () => ['1.1.1.1', '127.0.0.1'],
  'mixed-families.example': () => ['1.1.1.1', 'fd00::1'],
  'unspecified.example': () => ['::'],
  'mapped.example': () => ['::ffff:7f00:1'],
  'nat64.example': () => ['64:ff9b::7f00:1'],
  'metadata.example': () => ['169.254.169.254'],
  'loopback.example': () => ['127.0.0.1'],
  'alias.example': () => ['loopback.example', '127.0.0.1'],
  'many.example': () => [...Array.from({ length: 20 }, (_, n) => `1.1.1.${n + 1}`), '10.0.0.1'],
};

/** 127.0.0.2 stands for the public internet: the one place of this machine that peers may live at. */
const PUBLIC_TOO = new DestinationPolicy(['127.0.0.2/32']);

let dns: DnsServer;
let peer: HostilePeer;
let credential: ClientCredential;
let client: PeerClient;

beforeAll(async () => {
  dns = await DnsServer.start((name, asked) => ZONE[name]?.(asked) ?? []);
  const roots = await CertificateAuthority.create('Roots');
  const names = [...Object.keys(ZONE), 'a.example'].map((value) => ({ type: 'dns' as const, value }));
  credential = await ourCredential();
  peer = await HostilePeer.start({
    host: 'good.example',
    webCertificate: await roots.issue('good.example', { san: names }),
    address: '0.0.0.0',
  });
  client = new PeerClient(lab({ extraRoots: [roots.certificate], resolver: dns.resolver(), destinations: PUBLIC_TOO }));
});
afterEach(() => {
  peer.dropConnections();
  peer.dialled = 0;
  peer.connections.length = 0;
  peer.requests.length = 0;
  dns.questions.length = 0;
});
afterAll(async () => {
  await client.close();
  await peer.stop();
  dns.stop();
});

const get = (name: string) =>
  client.send(endpoint(`https://${name}:${peer.port}`, credential), { method: 'GET', path: '/' });

describe('a name server that means harm', () => {
  it.each(Object.keys(ZONE).filter((name) => !['good.example', 'rebound.example'].includes(name)))(
    'gets nobody dialled by %s',
    async (name) => {
      expect(await reasonOf(get(name))).toBe('blocked');
      expect(peer.dialled).toBe(0);
    },
  );

  it('is asked once for each connection, and the address it gave then is the one that is dialled', async () => {
    expect((await get('rebound.example')).status).toBe(200);
    await get('rebound.example');
    expect(dns.questions.sort()).toEqual(['A rebound.example', 'AAAA rebound.example']);
    expect(peer.connections[0]?.socket.localAddress).toMatch(/127\.0\.0\.2$/);
    expect(peer.connections[0]?.serverName).toBe('rebound.example');
    expect(peer.requests[0]?.headers.host).toBe(`rebound.example:${peer.port}`);
    peer.dropConnections();
    await vi.waitFor(async () => expect(await reasonOf(get('rebound.example'))).toBe('blocked'));
    expect(peer.dialled).toBe(1);
  });

  it('is asked once for each name that does not exist, however many there are', async () => {
    const names = Array.from({ length: 50 }, (_, n) => `missing-${n}.example`);
    expect(new Set(await Promise.all(names.map((name) => reasonOf(get(name)))))).toEqual(new Set(['dns']));
    const expected = names.flatMap((name) => [`A ${name}`, `AAAA ${name}`]);
    expect([...new Set(dns.questions)].sort()).toEqual(expected.sort());
    expect((await get('good.example')).status).toBe(200);
    expect(peer.dialled).toBe(1);
  });
});
