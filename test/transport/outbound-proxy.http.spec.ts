import { inspect } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Secret } from '../../src/kernel/secret.js';
import { DestinationPolicy } from '../../src/transport/addresses.js';
import { CertificateAuthority, makeSelfSignedCertificate } from '../../src/transport/certificates.js';
import { OutboundProxy } from '../../src/transport/outbound-proxy.js';
import { PeerClient } from '../../src/transport/peer-client.js';
import type { ClientCredential } from '../../src/transport/peer-endpoint.js';
import type { TransportFailure } from '../../src/transport/transport-failure.js';
import type { TransportSettings } from '../../src/transport/transport-settings.js';
import { HostilePeer } from '../support/hostile-peer.js';
import { ConnectProxy, type Refusal } from './connect-proxy.js';
import { endpoint, lab, ourCredential, reasonOf } from './fixture.js';

const HOST = 'a.example';
const parse = (url: string) => OutboundProxy.parse(new Secret(url));

let roots: CertificateAuthority;
let credential: ClientCredential;
let peer: HostilePeer;
let proxy: ConnectProxy;
const clients: PeerClient[] = [];

beforeAll(async () => {
  roots = await CertificateAuthority.create('Roots');
  credential = await ourCredential();
});
beforeEach(async () => {
  [peer, proxy] = await Promise.all([
    HostilePeer.start({ host: HOST, webCertificate: await roots.issue(HOST) }),
    ConnectProxy.start(),
  ]);
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all([peer.stop(), proxy.stop()]);
});

/** A cloud in the public internet, whose name resolves to these addresses. */
function clientOf(addresses: string[], given: Partial<TransportSettings> = {}): PeerClient {
  const settings = {
    destinations: new DestinationPolicy(),
    extraRoots: [roots.certificate],
    resolver: { resolve: vi.fn(async () => addresses) },
    proxy: parse(proxy.url()),
    ...given,
  };
  const client = new PeerClient(lab(settings));
  clients.push(client);
  return client;
}

const get = (client: PeerClient) => client.send(endpoint(peer.origin, credential), { method: 'GET', path: '/x' });
const failure = (client: PeerClient) => get(client).catch((error: TransportFailure) => error);

describe('calls through the outbound proxy', () => {
  it('ask for a tunnel to the checked address, and speak TLS with the peer in it, end to end', async () => {
    const client = clientOf(['1.1.1.1']);
    expect((await get(client)).status).toBe(200);
    await get(client);
    expect(proxy.asked.map(({ target }) => target)).toEqual([`1.1.1.1:${peer.port}`]);
    expect(proxy.asked[0]?.headers).toMatchObject({ host: `1.1.1.1:${peer.port}` });
    expect(proxy.asked[0]?.headers['proxy-authorization']).toBeUndefined();
    expect(proxy.asked[0]?.first[0]).toBe(0x16); // a handshake record
    expect(peer.connections).toMatchObject([{ serverName: HOST, clientPin: expect.stringMatching(/^sha256:/) }]);
    expect(peer.requests[0]?.headers).toMatchObject({ host: `${HOST}:${peer.port}` });
    expect(peer.requests[0]?.headers['proxy-authorization']).toBeUndefined();
  });

  it('write an IPv6 address in brackets, and try the next address if the proxy cannot reach one', async () => {
    expect((await get(clientOf(['2606::1']))).status).toBe(200);
    expect(proxy.asked[0]?.target).toBe(`[2606::1]:${peer.port}`);
    proxy.refusal = { status: 504 };
    const client = clientOf(['1.1.1.1', '1.1.1.2']);
    expect(await failure(client)).toMatchObject({ reason: 'connect', detail: expect.stringContaining('504') });
    expect(proxy.asked.slice(1).map(({ target }) => target)).toEqual([1, 2].map((n) => `1.1.1.${n}:${peer.port}`));
  });

  it.each([[['127.0.0.1']], [['1.1.1.1', '10.0.0.1']], [['::']], [['169.254.169.254']]])(
    'are checked like any other: for %j the proxy is not even dialled',
    async (addresses) => {
      expect(await reasonOf(get(clientOf(addresses)))).toBe('blocked');
      expect(proxy.dialled).toBe(0);
    },
  );

  it('name themselves to a proxy that wants it, and to nobody else', async () => {
    const client = clientOf(['1.1.1.1'], { proxy: parse(proxy.url('us%40example:p%3Ass')) });
    expect((await get(client)).status).toBe(200);
    const expected = `Basic ${Buffer.from('us@example:p:ss').toString('base64')}`;
    expect(proxy.asked[0]?.headers['proxy-authorization']).toBe(expected);
    expect(JSON.stringify(peer.requests[0]?.headers)).not.toContain('Basic');
  });

  it('trust a proxy that lets them through with nothing: another server in the tunnel is refused', async () => {
    peer.present(await makeSelfSignedCertificate(HOST));
    expect(await reasonOf(get(clientOf(['1.1.1.1'])))).toBe('tls-chain');
    expect(peer.requests).toEqual([]);
  });

  it('may speak TLS with the proxy too, whose certificate must be in order', async () => {
    const good = await ConnectProxy.start(await roots.issue('localhost'));
    expect((await get(clientOf(['1.1.1.1'], { proxy: parse(good.url()) }))).status).toBe(200);
    expect(good.asked).toHaveLength(1);
    await good.stop();
    for (const certificate of [await roots.issue('other.localhost'), await makeSelfSignedCertificate('localhost')]) {
      const bad = await ConnectProxy.start(certificate);
      vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
      expect(await failure(clientOf(['1.1.1.1'], { proxy: parse(bad.url('us:hunter2')) }))).toMatchObject({
        reason: 'proxy',
        detail: expect.not.stringContaining('hunter2'),
      });
      vi.unstubAllEnvs();
      expect(bad.asked).toEqual([]);
      await bad.stop();
    }
  });

  it.each<[string, Refusal, string, RegExp]>([
    ['wants credentials', { status: 407 }, 'proxy', /opens no tunnel to 1\.1\.1\.1:\d+: it answers 407/],
    ['forbids the target', { status: 403 }, 'proxy', /it answers 403 Forbidden/],
    ['redirects', { status: 302 }, 'proxy', /it answers 302 Found/],
    ['cannot reach the peer', { status: 502 }, 'connect', /answers 502 Bad Gateway/],
    ['is no HTTP server', 'garbage', 'proxy', /cannot be used \(HPE_/],
    ['speaks before the peer does', 'speaks-first', 'proxy', /speaks before/],
    ['answers without end', 'endless-head', 'proxy', /cannot be used \(HPE_HEADER_OVERFLOW\)/],
    ['never answers', 'hang', 'timeout', /within 300 ms through the proxy/],
  ])('end in time and name the proxy when it %s', async (_what, refusal, reason, detail) => {
    proxy.refusal = refusal;
    const client = clientOf(['1.1.1.1'], { connectMs: 300, proxy: parse(proxy.url('us:hunter2')) });
    const ended = (await failure(client)) as TransportFailure;
    expect(ended).toMatchObject({ name: 'TransportFailure', reason });
    expect(ended.detail).toMatch(detail);
    expect(ended.detail).toContain(`http://localhost:${proxy.port}`);
    expect(ended.message).not.toMatch(/hunter2|us:/);
    expect(peer.dialled).toBe(0);
  });

  it('say so when the proxy is not there', async () => {
    const url = proxy.url();
    const gone = clientOf(['1.1.1.1']);
    await proxy.stop();
    const detail = `the proxy ${url} cannot be used (ECONNREFUSED)`;
    expect(await failure(gone)).toMatchObject({ reason: 'proxy', detail });
    proxy = await ConnectProxy.start();
  });

  it('leave no connection to the proxy behind', async () => {
    const client = clientOf(['1.1.1.1']);
    await get(client);
    await client.close();
    await vi.waitFor(() => expect(peer.connections.every(({ socket }) => socket.destroyed)).toBe(true));
  });
});

describe('the address of the proxy', () => {
  it.each<[string, string]>([
    ['http://proxy.example', 'http://proxy.example:80'],
    ['https://proxy.example/', 'https://proxy.example:443'],
    ['http://PROXY.example:3128', 'http://proxy.example:3128'],
    ['http://10.0.0.1:8080', 'http://10.0.0.1:8080'],
    ['http://[fd00::1]:8080', 'http://[fd00::1]:8080'],
    ['http://us:hunter2@proxy.example:3128', 'http://proxy.example:3128'],
  ])('%s is shown as %s', (url, shown) => {
    const parsed = parse(url);
    expect(`${parsed}`).toBe(shown);
    expect(`${inspect(parsed, { depth: 9 })}${JSON.stringify(parsed)}`).not.toMatch(/hunter2|aHVudGVy|dXM6/);
  });

  it.each([
    '',
    'proxy.example:3128',
    'socks5://proxy.example',
    'http://',
    'http://proxy.example/path',
    'http://proxy.example?x',
    'http://proxy.example#x',
    'http://proxy.example:0',
    'http://proxy.example:65536',
    'http://us%3Aer:hunter2@proxy.example',
    'http://us:hunter2%zz@proxy.example',
    'us:hunter2@proxy.example:3128',
  ])('%j is refused without being quoted', (url) => {
    const refusal = (() => {
      try {
        return parse(url);
      } catch (error) {
        return error;
      }
    })();
    expect(refusal).toBeInstanceOf(TypeError);
    expect(`${inspect(refusal)}`).not.toContain('hunter2');
  });
});
