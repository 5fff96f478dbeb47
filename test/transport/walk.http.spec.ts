import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Origin } from '../../src/kernel/origin.js';
import { DestinationPolicy } from '../../src/transport/addresses.js';
import { CertificateAuthority, makeSelfSignedCertificate } from '../../src/transport/certificates.js';
import { PeerClient } from '../../src/transport/peer-client.js';
import type { ClientCredential, PeerEndpoint } from '../../src/transport/peer-endpoint.js';
import type { TransportSettings } from '../../src/transport/transport-settings.js';
import { HostilePeer } from '../support/hostile-peer.js';
import { credentialFrom, endpoint, lab, ourCredential } from './fixture.js';

const HOST = 'b.localhost';

let roots: CertificateAuthority;
let credential: ClientCredential;
let peer: HostilePeer;
const clients: PeerClient[] = [];

beforeAll(async () => {
  roots = await CertificateAuthority.create('Roots');
  credential = await ourCredential();
  peer = await HostilePeer.start({ host: HOST, webCertificate: await roots.issue(HOST) });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  peer.present(await roots.issue(HOST));
  peer.behaviour = { kind: 'json' };
  peer.dialled = 0;
  peer.connections.length = 0;
});
afterAll(() => peer.stop());

function clientWith(given: Partial<TransportSettings> = {}): PeerClient {
  const client = new PeerClient(lab({ extraRoots: [roots.certificate], ...given }));
  clients.push(client);
  return client;
}

const PING = { method: 'POST', path: '/federation/ping' } as const;
const walk = (client = clientWith(), to: PeerEndpoint = endpoint(peer.origin, credential)) => client.walk(to, PING);

/** What the walk came to: each step with what it found or why it failed. */
async function stepsOf(walked: ReturnType<PeerClient['walk']>): Promise<[string, string][]> {
  const { steps } = await walked;
  return steps.map(({ step, found, failure }) => [step, found ?? `${failure?.reason}`]);
}

describe('a walk to a peer', () => {
  it('tells what every step found, and gives the answer', async () => {
    peer.behaviour = { kind: 'json', status: 418, body: { a: 1 } };
    const { steps, answer } = await walk();
    expect(steps).toEqual([
      { step: 'name', milliseconds: expect.any(Number), found: 'b.localhost resolves to 127.0.0.1, ::1' },
      { step: 'address', milliseconds: expect.any(Number), found: 'peers may live there' },
      { step: 'connect', milliseconds: expect.any(Number), found: `connected to port ${peer.port} of 127.0.0.1` },
      { step: 'tls', milliseconds: expect.any(Number), found: 'TLSv1.3' },
      {
        step: 'certificate',
        milliseconds: expect.any(Number),
        found: expect.stringMatching(/^valid until \d{4}-.*Z, its key is sha256:/),
      },
      { step: 'answer', milliseconds: expect.any(Number), found: 'status 418' },
    ]);
    expect(answer).toMatchObject({ status: 418, body: { a: 1 } });
  });

  it('takes a new connection each time, beside those that are open, and closes it', async () => {
    const client = clientWith();
    await client.send(endpoint(peer.origin, credential), PING);
    const [kept] = peer.connections.splice(0);
    await walk(client);
    await Promise.all([walk(client), walk(client)]);
    expect(peer.dialled).toBe(4);
    await expect.poll(() => peer.connections.every(({ socket }) => socket.destroyed)).toBe(true);
    expect(kept?.socket.destroyed).toBe(false);
  });

  it('ends where a real call would, for the same reason', async () => {
    const unused = createServer().listen(0, '127.0.0.1');
    await once(unused, 'listening');
    const { port } = unused.address() as { port: number };
    unused.close();
    const cases: [string, string, PeerClient, PeerEndpoint?][] = [
      ['name', 'dns', clientWith({ resolver: { resolve: async () => [] } })],
      ['address', 'blocked', clientWith({ destinations: new DestinationPolicy() })],
      ['connect', 'connect', clientWith(), endpoint(`https://${HOST}:${port}`, credential)],
      ['certificate', 'tls-pin', clientWith(), endpoint(peer.origin, credential, { kind: 'pinned', pins: [] })],
      ['certificate', 'tls-chain', clientWith({ extraRoots: [] })],
      ['certificate', 'tls-name', clientWith(), { ...endpoint(peer.origin, credential), base: otherName() }],
    ];
    for (const [step, reason, client, to = endpoint(peer.origin, credential)] of cases) {
      const { steps, answer } = await walk(client, to);
      expect(answer).toBeUndefined();
      expect(steps.at(-1)).toMatchObject({ step, failure: { reason } });
      expect(steps.filter(({ failure }) => failure)).toHaveLength(1);
      await expect(client.send(to, PING)).rejects.toMatchObject({ reason });
    }
  });

  const otherName = () => Origin.parse(`https://c.localhost:${peer.port}`);

  it('names the step at which nothing came any more', async () => {
    const held: Socket[] = [];
    const silent = createServer((socket) => held.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const at = endpoint(`https://${HOST}:${(silent.address() as { port: number }).port}`, credential);
    expect((await stepsOf(walk(clientWith({ connectMs: 700 }), at))).at(-1)).toEqual(['tls', 'timeout']);
    // Given up by the caller, while the connection is still being opened.
    expect((await stepsOf(walk(clientWith({ deadlineMs: 700 }), at))).at(-1)).toEqual(['tls', 'timeout']);
    const never = { resolve: () => new Promise<never>(() => undefined) };
    const stuck = clientWith({ resolver: never, connectMs: 150 });
    expect(await stepsOf(walk(stuck))).toEqual([['name', 'timeout']]);
    for (const socket of held) socket.destroy();
    silent.close();
    peer.behaviour = { kind: 'hang' };
    expect((await stepsOf(walk(clientWith({ deadlineMs: 700 })))).at(-1)).toEqual(['answer', 'timeout']);
    peer.behaviour = { kind: 'garbage' };
    expect((await stepsOf(walk())).at(-1)).toEqual(['answer', 'bad-answer']);
  });

  it('says when our own certificate cannot be used, before anything is dialled', async () => {
    const [one, other] = await Promise.all([1, 2].map(() => makeSelfSignedCertificate('us.localhost')));
    const certificate = one?.certificate ?? '';
    const broken = credentialFrom({ certificate, privateKey: other?.privateKey ?? '' });
    expect(await stepsOf(walk(clientWith(), endpoint(peer.origin, broken)))).toEqual([['answer', 'tls-client']]);
    expect(peer.dialled).toBe(0);
  });
});
