import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CertificateAuthority,
  type IssuedCertificate,
  makeSelfSignedCertificate,
  spkiPin,
} from '../../src/transport/certificates.js';
import { credentialFrom } from '../transport/fixture.js';
import { type Fault, FaultProxy } from './fault-proxy.js';
import { call, HostilePeer } from './hostile-peer.js';

const TEXT = 'twelve bytes';

describe('a fault proxy before a server that repeats what it hears', () => {
  let echo: Server;
  /** What the server heard on each connection, and how that ended. */
  let heard: Promise<Heard>[];
  let proxy: FaultProxy;
  const clients: Socket[] = [];

  beforeEach(async () => {
    heard = [];
    echo = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      heard.push(listen(socket));
      socket.pipe(socket);
    }).listen(0, '127.0.0.1');
    await once(echo, 'listening');
    proxy = await FaultProxy.start({ target: (echo.address() as AddressInfo).port });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await proxy.stop();
    echo.close();
    await once(echo, 'close');
  });

  /** Says the text; `end` says as well that this was all. */
  function dial({ text = TEXT, end = true } = {}): { socket: Socket; heard: Promise<Heard> } {
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    clients.push(socket);
    const all = listen(socket);
    if (end) socket.end(text);
    else socket.write(text);
    return { socket, heard: all };
  }

  async function under(fault: Fault, options = {}): Promise<{ client: Heard; server: Heard | undefined }> {
    proxy.script(fault);
    const client = await dial(options).heard;
    return { client, server: await heard[0] };
  }

  it('passes on what it is given, counts it, and keeps its script in order', async () => {
    proxy.script({ kind: 'pass' }, { kind: 'reset' });
    expect((await dial().heard).text).toBe(TEXT);
    expect((await dial().heard).error).toBe('ECONNRESET');
    expect((await dial().heard).text).toBe(TEXT);
    expect(proxy.connections.map(({ fault, struck }) => [fault.kind, struck])).toEqual([
      ['pass', false],
      ['reset', true],
      ['pass', false],
    ]);
    expect(proxy.connections[0]?.bytes).toEqual({ request: 12, answer: 12 });
    expect(heard).toHaveLength(2);
  });

  it('passes on more than fits into any buffer', async () => {
    const text = 'x'.repeat(8_000_000);
    expect((await dial({ text }).heard).text.length).toBe(text.length);
  });

  it('delays each way that is meant', async () => {
    const begun = performance.now();
    const { client } = await under({ kind: 'delay', ms: 30, way: 'answer' });
    const oneWay = performance.now() - begun;
    expect(client).toEqual({ text: TEXT, chunks: 1, error: undefined });
    expect(oneWay).toBeGreaterThanOrEqual(29);
    await under({ kind: 'delay', ms: 30 });
    expect(performance.now() - begun - oneWay).toBeGreaterThanOrEqual(59);
  });

  it('lets the first bytes through one at a time', async () => {
    proxy.script({ kind: 'delay', ms: 0, way: 'request', oneByOne: 6 });
    const { client, server } = { client: await dial().heard, server: await heard[0] };
    expect([client.text, server?.text]).toEqual([TEXT, TEXT]);
    expect(server?.chunks).toBeGreaterThan(1);
  });

  it.each([
    ['in order', false, undefined],
    ['as a reset', true, 'ECONNRESET'],
  ])('cuts the request at a byte, %s', async (_, reset, error) => {
    // Whoever has said all and hears all may call it an end before the reset arrives.
    const { client, server } = await under({ kind: 'cut', way: 'request', at: 5, reset }, { end: !reset });
    expect(server).toMatchObject({ text: 'twelv', error });
    expect(client.error).toBe(error);
    expect(proxy.connections[0]).toMatchObject({ struck: true, bytes: { request: 5 } });
  });

  it.each([
    ['in order', false, undefined],
    ['as a reset', true, 'ECONNRESET'],
  ])('cuts the answer at a byte, %s', async (_, reset, error) => {
    const { client, server } = await under({ kind: 'cut', way: 'answer', at: 7, reset }, { end: false });
    expect(client).toMatchObject({ text: 'twelve ', error });
    expect(server).toMatchObject({ text: TEXT, error });
  });

  it('does not strike a connection that ends before its byte', async () => {
    const { client } = await under({ kind: 'cut', way: 'request', at: 13 });
    expect(client.text).toBe(TEXT);
    expect(proxy.connections[0]?.struck).toBe(false);
  });

  it('turns one byte over, or puts some in', async () => {
    const flipped = await under({ kind: 'garbage', way: 'answer', at: 0 });
    expect(flipped.server?.text).toBe(TEXT);
    expect(Buffer.from(flipped.client.text, 'latin1')).toEqual(Buffer.from('\x8bwelve bytes', 'latin1'));
    proxy.script({ kind: 'garbage', way: 'request', at: 6, insert: Buffer.from(' or more') });
    expect((await dial().heard).text).toBe('twelve or more bytes');
  });

  it('falls silent after a byte, the other way goes on, until the sender hangs up', async () => {
    proxy.script({ kind: 'silence', way: 'request', at: 6 });
    const { socket, heard: client } = dial({ end: false });
    await once(socket, 'data');
    socket.end(' unheard');
    expect((await client).text).toBe('twelve');
    expect((await heard[0])?.text).toBe('twelve');
  });

  it('takes a connection and never says a word', async () => {
    proxy.script({ kind: 'hang' });
    const { socket, heard: client } = dial({ end: false });
    await once(socket, 'connect');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(socket.closed).toBe(false);
    socket.end();
    expect(await client).toEqual({ text: '', chunks: 0, error: undefined });
    expect(heard).toEqual([]);
  });

  it('ends one way and keeps the other', async () => {
    const { client, server } = await under({ kind: 'half-close', way: 'request', at: 6 }, { end: false });
    expect([client.text, server?.text]).toEqual(['twelve', 'twelve']);
    expect([client.error, server?.error]).toEqual([undefined, undefined]);
  });

  it('refuses while nobody listens, and open connections live on', async () => {
    const { socket, heard: client } = dial({ end: false });
    await once(socket, 'data');
    proxy.refuse();
    expect((await dial().heard).error).toBe('ECONNREFUSED');
    await proxy.listenAgain();
    expect((await dial().heard).text).toBe(TEXT);
    socket.end('!');
    expect((await client).text).toBe(`${TEXT}!`);
  });

  it('heals', async () => {
    proxy.fault = { kind: 'reset' };
    expect((await dial().heard).error).toBe('ECONNRESET');
    proxy.script({ kind: 'reset' });
    proxy.heal();
    expect((await dial().heard).text).toBe(TEXT);
  });

  it('resets the caller when nobody is behind it', async () => {
    const dead = await FaultProxy.start({ target: 1 });
    const socket = connect({ port: dead.port, host: '127.0.0.1' });
    expect((await listen(socket)).error).toBe('ECONNRESET');
    await dead.stop();
  });

  it('stops at once, with whatever is under way', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    proxy.script({ kind: 'delay', ms: 60_000 }, { kind: 'hang' }, { kind: 'pass' });
    const open = Array.from({ length: 3 }, () => dial({ end: false }));
    await once(open[2]?.socket as Socket, 'data');
    const begun = performance.now();
    await proxy.stop();
    await Promise.all(open.map(({ heard: all }) => all));
    expect(performance.now() - begun).toBeLessThan(1_000);
    expect(timers()).toBeLessThanOrEqual(before);
    proxy = await FaultProxy.start({ target: (echo.address() as AddressInfo).port });
  });
});

describe('a fault proxy that looks inside TLS', () => {
  let peer: HostilePeer;
  let proxy: FaultProxy;
  let ours: IssuedCertificate;

  beforeEach(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    const web = await authority.issue('b.localhost');
    ours = await makeSelfSignedCertificate('a.localhost');
    peer = await HostilePeer.start({ host: 'b.localhost', webCertificate: web });
    proxy = await FaultProxy.start({ target: peer.port });
    proxy.keys = { client: credentialFrom(ours), server: credentialFrom(web) };
  });
  afterEach(() => Promise.all([proxy.stop(), peer.stop()]));

  const post = () =>
    call(`https://b.localhost:${proxy.port}`, { method: 'POST', path: '/shares', body: { name: 'Notes' }, as: ours });

  it('is seen by neither side', async () => {
    proxy.script({ kind: 'garbage', way: 'request', at: 6, insert: Buffer.from('ocm/'), inside: true });
    const answer = await post();
    const direct = await call(peer.origin, { as: ours });
    expect([answer.status, answer.serverPin]).toEqual([200, direct.serverPin]);
    expect(peer.requests[0]).toMatchObject({ path: '/ocm/shares', body: '{"name":"Notes"}' });
    expect(peer.connections[0]?.clientPin).toBe(spkiPin(new X509Certificate(ours.certificate)));
  });

  it.each([
    ['in the request', 'request', 40, 0],
    ['before the answer', 'answer', 0, 1],
    ['in the answer', 'answer', 20, 1],
  ] as const)('cuts %s, in order and as a reset', async (_, way, at, requests) => {
    for (const reset of [false, true]) {
      peer.requests.length = 0;
      proxy.script({ kind: 'cut', way, at, reset, inside: true });
      await expect(post()).rejects.toMatchObject({ code: 'ECONNRESET' });
      expect(proxy.connections.at(-1)).toMatchObject({ struck: true, bytes: { [way]: at } });
      expect(peer.requests).toHaveLength(requests);
      expect((await post()).status).toBe(200);
    }
  });

  it('ends the request half way and still brings the answer', async () => {
    proxy.script({ kind: 'half-close', way: 'request', at: 40, inside: true });
    expect((await post()).status).toBe(400);
    expect(peer.requests).toEqual([]);
  });
});

interface Heard {
  /** Latin 1. */
  readonly text: string;
  readonly chunks: number;
  readonly error: string | undefined;
}

/** All that comes until the connection is over; answers an end with an end. */
async function listen(socket: Socket): Promise<Heard> {
  const chunks: Buffer[] = [];
  let error: string | undefined;
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', (failure: NodeJS.ErrnoException) => {
    error = failure.code;
  });
  socket.on('end', () => socket.end());
  await new Promise((resolve) => socket.once('close', resolve));
  return { text: Buffer.concat(chunks).toString('latin1'), chunks: chunks.length, error };
}
