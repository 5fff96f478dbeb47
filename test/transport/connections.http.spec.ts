import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { DestinationPolicy } from '../../src/transport/addresses.js';
import { CertificateAuthority, type IssuedCertificate } from '../../src/transport/certificates.js';
import { PeerClient } from '../../src/transport/peer-client.js';
import type { ClientCredential } from '../../src/transport/peer-endpoint.js';
import type { NameResolver } from '../../src/transport/resolver.js';
import type { TransportSettings } from '../../src/transport/transport-settings.js';
import { call, HostilePeer, keepAliveAgent } from '../support/hostile-peer.js';
import { endpoint, lab, ourCredential, reasonOf } from './fixture.js';

let roots: CertificateAuthority;
let credential: ClientCredential;
let both: IssuedCertificate;
let peer: HostilePeer;
const clients: PeerClient[] = [];

beforeAll(async () => {
  roots = await CertificateAuthority.create('Roots');
  credential = await ourCredential();
  both = await roots.issue('a.localhost', {
    san: ['a', 'b'].map((name) => ({ type: 'dns', value: `${name}.localhost` })),
  });
});

beforeEach(async () => {
  peer = await HostilePeer.start({ host: 'a.localhost', webCertificate: both });
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await peer.stop();
});

function clientWith(given: Partial<TransportSettings> = {}): PeerClient {
  const client = new PeerClient(lab({ extraRoots: [roots.certificate], ...given }));
  clients.push(client);
  return client;
}

const get = (client: PeerClient, origin = peer.origin, path = '/') =>
  client.send(endpoint(origin, credential), { method: 'GET', path });

/** A resolver that gives one answer after another, the last one for ever. */
function resolving(...answers: string[][]): NameResolver {
  return { resolve: vi.fn(async () => (answers.length > 1 ? answers.shift() : answers[0]) ?? []) };
}

describe('a connection', () => {
  it('carries one call after another', async () => {
    const client = clientWith();
    for (let i = 0; i < 5; i++) await get(client);
    expect(peer.connections).toHaveLength(1);
  });

  it('is opened anew without resuming the TLS session, whatever tickets the server gives', async () => {
    const client = clientWith();
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const ticketing = await HostilePeer.start({ host: 'a.localhost', webCertificate: both, tls: { maxVersion } });
      await get(client, ticketing.origin);
      ticketing.dropConnections();
      await vi.waitFor(() => get(client, ticketing.origin));
      expect(ticketing.connections.map(({ resumed }) => resumed)).toEqual([false, false]);
      await ticketing.stop();
    }
  });

  it('is never shared by two peers at one address, nor by two proofs or credentials of one peer', async () => {
    const client = clientWith();
    const a = endpoint(peer.origin, credential);
    const ends = [
      a,
      { ...a, peer: 'another' },
      endpoint(`https://b.localhost:${peer.port}`, credential),
      { ...a, credential: await ourCredential() },
    ];
    for (const end of ends) await client.send(end, { method: 'GET', path: '/' });
    expect(peer.connections).toHaveLength(ends.length);
    for (const end of ends) await client.send(end, { method: 'GET', path: '/' });
    expect(peer.connections).toHaveLength(ends.length);
    expect(peer.connections[2]?.serverName).toBe('b.localhost');
    expect(peer.requests[2]?.headers.host).toBe(`b.localhost:${peer.port}`);
  });

  it('is one of at most eight, and calls that wait for one end in time', async () => {
    peer.behaviour = { kind: 'hang' };
    const client = clientWith({ deadlineMs: 1_200 });
    const reasons = Promise.all(Array.from({ length: 20 }, () => reasonOf(get(client))));
    await vi.waitFor(() => expect(peer.dialled).toBe(8), { timeout: 1_000 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(peer.dialled).toBe(8);
    expect(new Set(await reasons)).toEqual(new Set(['timeout']));
    peer.behaviour = { kind: 'json' };
    const answers = await Promise.all(Array.from({ length: 40 }, () => get(client)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
  });

  it('is closed when its peer has not been called for long', async () => {
    const client = clientWith({ maxPeers: 1 });
    await get(client);
    await get(client, `https://b.localhost:${peer.port}`);
    await vi.waitFor(() => expect(peer.connections[0]?.socket.destroyed).toBe(true));
    expect(peer.connections[1]?.socket.destroyed).toBe(false);
  });

  it('is closed with the client, after the call it carries', async () => {
    const client = clientWith();
    const underway = get(client);
    await client.close();
    expect((await underway).status).toBe(200);
    expect(await reasonOf(get(client))).toBe('connect');
    await vi.waitFor(() => expect(peer.connections.every(({ socket }) => socket.destroyed)).toBe(true));
  });
});

describe('the address that is dialled', () => {
  it('is never one in a forbidden network: not a packet is sent', async () => {
    const dialled = vi.fn();
    const listener = createServer(dialled).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as { port: number };
    const client = clientWith({ destinations: new DestinationPolicy() });
    expect(await reasonOf(get(client, `https://a.localhost:${port}`))).toBe('blocked');
    const mixed = clientWith({ destinations: new DestinationPolicy(), resolver: resolving(['1.1.1.1', '127.0.0.1']) });
    expect(await reasonOf(get(mixed, `https://a.example:${port}`))).toBe('blocked');
    expect(dialled).not.toHaveBeenCalled();
    listener.close();
  });

  it('is the one that was checked, though the name has been rebound meanwhile', async () => {
    const resolver = resolving(['127.0.0.1'], ['10.0.0.1']);
    const client = clientWith({ resolver });
    await get(client);
    await get(client);
    expect(resolver.resolve).toHaveBeenCalledTimes(1);
    expect(peer.requests[0]?.headers.host).toBe(`a.localhost:${peer.port}`);
    peer.dropConnections();
    await vi.waitFor(async () => expect(await reasonOf(get(client))).toBe('blocked'));
    expect(peer.connections).toHaveLength(1);
  });

  it('is the next one if the first does not answer', async () => {
    expect((await get(clientWith({ resolver: resolving(['::1', '127.0.0.1']) }))).status).toBe(200);
    expect(await reasonOf(get(clientWith({ resolver: resolving(['::1']) })))).toBe('connect');
  });

  it('is not a proxy of the environment', async () => {
    const proxied = vi.fn();
    const proxy = createServer(proxied).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as { port: number };
    const url = `http://127.0.0.1:${port}`;
    for (const name of ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'])
      vi.stubEnv(name, url);
    expect((await get(clientWith())).status).toBe(200);
    vi.unstubAllEnvs();
    expect(proxied).not.toHaveBeenCalled();
    proxy.close();
  });
});

describe('the hostile peer as a client', () => {
  it('shows the certificate it is told to, on as many connections as it is told to', async () => {
    const agent = keepAliveAgent();
    const to = { ca: roots.certificate, agent };
    const first = await peer.call(peer.origin, { ...to, method: 'POST', path: '/shares', body: { a: 1 } });
    const second = await peer.call(peer.origin, to);
    expect(first).toMatchObject({ status: 200, json: {}, clientPort: second.clientPort });
    expect(peer.requests[0]).toMatchObject({ method: 'POST', path: '/shares', body: '{"a":1}' });
    expect(peer.connections[0]?.clientPin).toMatch(/^sha256:/);
    await call(peer.origin);
    expect(peer.connections[1]?.clientPin).toBeUndefined();
    agent.destroy();
  });
});
