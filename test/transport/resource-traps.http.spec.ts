import type { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { PeerClient } from '../../src/transport/peer-client.js';
import type { ClientCredential } from '../../src/transport/peer-endpoint.js';
import { type Behaviour, HostilePeer } from '../support/hostile-peer.js';
import { endpoint, lab, ourCredential, reasonOf } from './fixture.js';

const MIB = 1024 * 1024;
const CHUNKED = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

let peer: HostilePeer;
let credential: ClientCredential;
let client: PeerClient;

beforeAll(async () => {
  const roots = await CertificateAuthority.create('Roots');
  credential = await ourCredential();
  peer = await HostilePeer.start({ host: 'evil.localhost', webCertificate: await roots.issue('evil.localhost') });
  client = new PeerClient(lab({ extraRoots: [roots.certificate] }));
  await send(5_000);
});
afterEach(() => {
  peer.behaviour = { kind: 'json' };
});
afterAll(async () => {
  await client.close();
  await peer.stop();
});

const send = (deadlineMs: number, signal?: AbortSignal) =>
  client.send(endpoint(peer.origin, credential), { method: 'GET', path: '/', deadlineMs, signal });

/** Bytes that are held on to. */
function memory(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function bytes(text: string): Behaviour {
  return { kind: 'bytes', write: (socket) => socket.write(text) };
}

/** A beginning, and then more of the same as fast as it is read, so many times. */
function more(start: string, part: (n: number) => string, times = Number.POSITIVE_INFINITY): Behaviour {
  const write = (socket: Socket) => {
    let n = 0;
    const pour = () => {
      let room = true;
      while (room && n < times && !socket.destroyed) {
        const parts = Array.from({ length: Math.min(100, times - n) }, () => part(++n));
        room = socket.write(parts.join(''));
      }
    };
    socket.on('drain', pour).write(start);
    pour();
  };
  return { kind: 'bytes', write };
}

const coded = (headers: Record<string, string>): Behaviour => ({ kind: 'json', headers });

describe('an answer', () => {
  it.each<[string, Behaviour, string]>([
    ['in gzip', coded({ 'content-encoding': 'gzip' }), 'bad-answer'],
    ['in br', coded({ 'Content-Encoding': 'BR' }), 'bad-answer'],
    ['in zstd', coded({ 'content-encoding': 'zstd' }), 'bad-answer'],
    ['in gzip behind another word', coded({ 'content-encoding': 'identity, gzip' }), 'bad-answer'],
    ['in gzip for the way', bytes('HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n'), 'bad-answer'],
    ['of 10 GiB', { kind: 'huge-body', bytes: 10 * 1024 * MIB }, 'too-large'],
    ['with ten thousand headers', more('HTTP/1.1 200 OK\r\n', (n) => `x-${n}: y\r\n`, 10_000), 'too-large'],
    ['with headers without end', more('HTTP/1.1 200 OK\r\n', () => 'x: y\r\n'), 'too-large'],
    ['with one header without end', more('HTTP/1.1 200 OK\r\nx: ', () => 'y'.repeat(100)), 'too-large'],
    ['in chunks of a byte', more(CHUNKED, () => '1\r\nx\r\n'), 'bad-answer'],
    ['in large chunks without end', more(CHUNKED, () => `400\r\n${'x'.repeat(1024)}\r\n`), 'too-large'],
    ['with trailers without end', more(`${CHUNKED}0\r\n`, (n) => `trailer-${n}: y\r\n`), 'too-large'],
    ['announced without end', more('', () => 'HTTP/1.1 103 Early Hints\r\n\r\n'), 'bad-answer'],
  ])('%s is given up', async (_, behaviour, reason) => {
    peer.behaviour = behaviour;
    expect(await reasonOf(send(8_000))).toBe(reason);
    peer.behaviour = { kind: 'json' };
    expect((await send(8_000)).status).toBe(200);
  });

  it.each<[string, Behaviour]>([
    ['with a reason phrase without end', more('HTTP/1.1 200 ', () => 'OK '.repeat(100))],
    ['with a chunk extension without end', more(`${CHUNKED}1`, () => ';extension=1'.repeat(100))],
    ['with empty lines without end before it', more('', () => '\r\n'.repeat(100))],
    ['that drips', { kind: 'drip', everyMs: 20 }],
  ])('%s has its time and no more, and none of it is kept', async (_, behaviour) => {
    peer.behaviour = behaviour;
    const before = memory();
    const since = performance.now();
    expect(await reasonOf(send(400))).toMatch(/^(?:timeout|too-large|bad-answer)$/);
    expect(performance.now() - since).toBeLessThan(3_000);
    expect(memory() - before).toBeLessThan(16 * MIB);
  });

  it('costs about its size, whatever travels beside it', async () => {
    const extension = `x=${'e'.repeat(64 * 1024)}`;
    peer.behaviour = more(CHUNKED, () => `1;${extension}\r\nx\r\n`, 500);
    const before = memory();
    const caller = new AbortController();
    const call = reasonOf(send(8_000, caller.signal));
    const written = () => peer.connections.at(-1)?.socket.bytesWritten ?? 0;
    await vi.waitFor(() => expect(written()).toBeGreaterThan(500 * 64 * 1024), { timeout: 7_000, interval: 20 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(memory() - before).toBeLessThan(16 * MIB);
    caller.abort();
    expect(await call).toBe('timeout');
  });

  it('that is too large costs no more for being larger, or for coming again', async () => {
    const before = memory();
    for (let round = 0; round < 5; round++) {
      peer.behaviour = { kind: 'huge-body', bytes: 10 * 1024 * MIB };
      expect(await reasonOf(send(8_000))).toBe('too-large');
    }
    // Both ends live in this process: what the peer had ready goes with its socket, a moment later.
    await expect.poll(() => memory() - before, { timeout: 5_000 }).toBeLessThan(16 * MIB);
  });
});
