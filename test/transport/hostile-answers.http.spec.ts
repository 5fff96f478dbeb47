import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import type { PeerRequest } from '../../src/transport/peer-answer.js';
import { PeerClient } from '../../src/transport/peer-client.js';
import type { ClientCredential, PeerEndpoint } from '../../src/transport/peer-endpoint.js';
import type { TransportFailure } from '../../src/transport/transport-failure.js';
import { type Behaviour, HostilePeer } from '../support/hostile-peer.js';
import { endpoint, lab, ourCredential, reasonOf } from './fixture.js';

const DEADLINE_MS = 300;
let peer: HostilePeer;

let credential: ClientCredential;
let client: PeerClient;

beforeAll(async () => {
  const roots = await CertificateAuthority.create('Roots');
  credential = await ourCredential();
  peer = await HostilePeer.start({ host: 'evil.localhost', webCertificate: await roots.issue('evil.localhost') });
  client = new PeerClient(lab({ extraRoots: [roots.certificate], deadlineMs: DEADLINE_MS, connectMs: 200 }));
  // The roots are read once, which takes longer than some deadlines here.
  await vi.waitFor(() => send(), { timeout: 10_000 });
});

afterEach(() => {
  peer.behaviour = { kind: 'json' };
  peer.requests.length = 0;
});

afterAll(async () => {
  await client.close();
  await peer.stop();
});

function send(request: Partial<PeerRequest> = {}, to: PeerEndpoint = endpoint(peer.origin, credential)) {
  return client.send(to, { method: 'GET', path: '/', deadlineMs: DEADLINE_MS, ...request });
}

describe('an answer', () => {
  it('is taken as it is, whatever the status', async () => {
    peer.behaviour = {
      kind: 'json',
      status: 503,
      body: { message: 'UNAVAILABLE' },
      headers: { 'Retry-After': '7', 'X-Many': 'a' },
    };
    expect(await send()).toMatchObject({
      status: 503,
      body: { message: 'UNAVAILABLE' },
      bodyBytes: 25,
      retryAfterSeconds: 7,
      headers: { 'x-many': 'a', 'content-type': 'application/json' },
    });
  });

  it('that is HTML for 201 has no body', async () => {
    peer.behaviour = { kind: 'text', status: 201, contentType: 'text/html', body: '<p>Created</p>' };
    expect(await send({ method: 'POST', body: {} })).toMatchObject({ status: 201, body: undefined, bodyBytes: 14 });
  });

  it.each([300, 301, 302, 303, 304, 305, 306, 307, 308])(
    'with %i is not followed, wherever it leads',
    async (status) => {
      const elsewhere = vi.fn();
      const other = createServer(elsewhere).listen(0, '127.0.0.1');
      await once(other, 'listening');
      const { port } = other.address() as { port: number };
      const targets = [
        `${peer.origin}/elsewhere`,
        `https://other.localhost:${port}/`,
        `http://127.0.0.1:${port}/`,
        '/x',
      ];
      for (const method of ['GET', 'POST', 'PUT', 'DELETE'] as const) {
        for (const location of targets) {
          peer.behaviour = { kind: 'redirect', status, location };
          const body = method === 'GET' ? undefined : { token: 'secret' };
          expect(await send({ method, body })).toMatchObject({ status, headers: { location } });
        }
      }
      expect(new Set(peer.requests.map(({ path }) => path))).toEqual(new Set(['/']));
      expect(peer.requests).toHaveLength(16);
      expect(elsewhere).not.toHaveBeenCalled();
      other.close();
    },
  );

  it.each<[Behaviour, string]>([
    [{ kind: 'hang' }, 'timeout'],
    [{ kind: 'drip', everyMs: 5 }, 'timeout'],
    [{ kind: 'interim-flood' }, 'bad-answer'],
    [{ kind: 'huge-body' }, 'too-large'],
    [{ kind: 'huge-body', bytes: 1024 * 1024 + 1 }, 'too-large'],
    [{ kind: 'huge-headers', bytes: 70 * 1024 }, 'too-large'],
    [{ kind: 'reset-mid-body' }, 'bad-answer'],
    [{ kind: 'close-before-answer' }, 'bad-answer'],
    [{ kind: 'garbage' }, 'bad-answer'],
  ])('like %j ends in time', async (behaviour, reason) => {
    peer.behaviour = behaviour;
    const started = performance.now();
    const failure = await send().catch((error: TransportFailure) => error);
    expect(failure).toMatchObject({ name: 'TransportFailure', reason });
    expect(performance.now() - started).toBeLessThan(DEADLINE_MS + 250);
    peer.behaviour = { kind: 'json' };
    expect((await send()).status).toBe(200);
  });

  it('may fill the limits to the last byte', async () => {
    peer.behaviour = { kind: 'huge-body', bytes: 1024 * 1024 };
    expect(await send({ deadlineMs: 2_000 })).toMatchObject({ status: 200, bodyBytes: 1024 * 1024, body: undefined });
    peer.behaviour = { kind: 'huge-headers', bytes: 60 * 1024 };
    expect((await send()).headers['x-huge']).toHaveLength(60 * 1024);
  });
});

describe('a request', () => {
  it('says who asks and what is understood, and a caller cannot change where it goes', async () => {
    await send({
      method: 'POST',
      path: '/shares?a=1',
      body: { b: 2 },
      headers: { 'Idempotency-Key': 'k', HOST: 'a.example', 'Accept-Encoding': 'gzip' },
    });
    expect(peer.requests[0]).toMatchObject({ method: 'POST', path: '/shares?a=1', body: '{"b":2}' });
    expect(peer.requests[0]?.headers).toMatchObject({
      host: `evil.localhost:${peer.port}`,
      accept: 'application/json, application/hal+json',
      'accept-encoding': 'identity',
      'content-type': 'application/json',
      'idempotency-key': 'k',
      'user-agent': 'Entente',
    });
  });

  it.each<Partial<PeerRequest>>([
    { path: 'https://a.example/' },
    { path: 'x' },
    { path: '/a b' },
    { path: '/\r\nx: y' },
    { headers: { 'x-y': 'a\r\nb' } },
    { headers: { 'x y': 'a' } },
  ])('malformed like %j is not sent', async (request) => {
    await expect(send(request)).rejects.toThrow(TypeError);
    expect(peer.requests).toEqual([]);
  });

  it('ends when its caller gives up', async () => {
    peer.behaviour = { kind: 'hang' };
    const caller = new AbortController();
    const call = reasonOf(send({ signal: caller.signal, deadlineMs: 5_000 }));
    caller.abort();
    expect(await call).toBe('timeout');
    expect(await reasonOf(send({ signal: caller.signal }))).toBe('timeout');
  });
});

describe('what listens but does not speak TLS', () => {
  let listener: Server;
  const held: Socket[] = [];

  async function listening(onConnection: (socket: Socket) => void): Promise<PeerEndpoint> {
    listener = createServer((socket) => {
      held.push(socket.on('error', () => undefined));
      onConnection(socket);
    }).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return endpoint(`https://evil.localhost:${(listener.address() as { port: number }).port}`, credential);
  }

  afterEach(() => {
    for (const socket of held.splice(0)) socket.destroy();
    listener.close();
  });

  it('is given the time to connect and no more', async () => {
    const silent = await listening(() => undefined);
    const started = performance.now();
    expect(await reasonOf(send({ deadlineMs: 5_000 }, silent))).toBe('timeout');
    expect(performance.now() - started).toBeLessThan(450);
  });

  it('is no connection', async () => {
    expect(await reasonOf(send({}, await listening((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'))))).toBe(
      'connect',
    );
    listener.close();
    expect(await reasonOf(send({}, await listening((socket) => socket.destroy())))).toBe('connect');
  });
});
