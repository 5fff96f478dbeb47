import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type ConnectionOptions, connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { NestFactory } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Secret } from '../../src/kernel/secret.js';
import { createFederationAdapter } from '../../src/operations/federation-adapter.js';
import { type IssuedCertificate, makeSelfSignedCertificate } from '../../src/transport/certificates.js';
import { HOST, open, parseAnswer, readAll, requestText, startTinyApp, type TinyApp } from './tiny-app.js';

const REQUEST = requestText('GET /health/live');

let tiny: TinyApp;
let peer: IssuedCertificate;
beforeAll(async () => {
  tiny = await startTinyApp();
  peer = await makeSelfSignedCertificate('cloud2.localhost');
});
afterAll(() => tiny.app.close());

function dial(options: ConnectionOptions, port = tiny.port): TLSSocket {
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: 'cloud1.localhost',
    ca: tiny.authority.certificate,
    ...options,
  });
  socket.on('error', () => socket.destroy());
  return socket;
}

async function renewedAs(commonName: string) {
  const { certificate, privateKey } = await tiny.authority.issue('cloud1.localhost', { commonName });
  return { certificate, privateKey: new Secret(privateKey) };
}

describe('the listener', () => {
  it('shows the web certificate, and lets in who shows none', async () => {
    const socket = dial({});
    await once(socket, 'secureConnect');
    expect(socket.authorized).toBe(true);
    socket.write(REQUEST);
    expect(parseAnswer(await readAll(socket)).status).toBe(200);
  });

  it('lets in who shows a certificate that nobody vouches for, and hands it to the guards', async () => {
    const seen = once(tiny.adapter.getHttpServer(), 'request');
    const socket = await open(tiny.port, { cert: peer.certificate, key: peer.privateKey });
    socket.write(REQUEST);
    const [request] = (await seen) as [{ socket: TLSSocket }];
    expect(request.socket.authorized).toBe(false);
    expect(request.socket.getPeerX509Certificate()?.subject).toBe('CN=cloud2.localhost');
    expect(parseAnswer(await readAll(socket)).status).toBe(200);
  });

  it('does not ask for a certificate where peers do not call', async () => {
    const silent = await startTinyApp(false);
    const seen = once(silent.adapter.getHttpServer(), 'request');
    const socket = await open(silent.port, { cert: peer.certificate, key: peer.privateKey });
    socket.write(REQUEST);
    const [request] = (await seen) as [{ socket: TLSSocket }];
    expect(request.socket.getPeerX509Certificate()).toBeUndefined();
    await silent.app.close();
  });

  it.each<SecureVersion>(['TLSv1.2', 'TLSv1.3'])('never resumes a session: %s', async (version) => {
    const options = { minVersion: version, maxVersion: version, cert: peer.certificate, key: peer.privateKey };
    const first = dial(options);
    const sessions: Buffer[] = [];
    first.on('session', (session) => sessions.push(session));
    await once(first, 'secureConnect');
    first.write(REQUEST);
    const kept = first.getSession();
    await readAll(first);
    for (const session of [...sessions, kept].filter((one) => one !== undefined)) {
      const again = dial({ minVersion: version, maxVersion: version, session });
      await once(again, 'secureConnect');
      expect(again.isSessionReused()).toBe(false);
      again.destroy();
    }
    expect(kept).toBeDefined();
  });

  it('speaks no TLS before 1.2, no cipher without forward secrecy and authentication, and HTTP/1.1 alone', async () => {
    for (const options of [
      { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
      { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' },
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' },
      { ALPNProtocols: ['h2'] },
    ] satisfies ConnectionOptions[]) {
      const socket = dial(options);
      const connected = await new Promise((resolve) => {
        socket.once('secureConnect', () => resolve(true)).once('close', () => resolve(false));
      });
      expect([options, connected]).toEqual([options, false]);
    }
    const socket = dial({ ALPNProtocols: ['h2', 'http/1.1'] });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe('http/1.1');
    socket.destroy();
  });

  it('shows another certificate from the next connection on, still without resuming', async () => {
    const renewed = await renewedAs('renewed');
    tiny.adapter.showWebCertificate(renewed);
    expect(tiny.adapter.webCertificate?.certificate).toBe(renewed.certificate);
    const socket = dial({ maxVersion: 'TLSv1.2' });
    await once(socket, 'secureConnect');
    expect(socket.getPeerX509Certificate()?.subject).toBe('CN=renewed');
    const again = dial({ maxVersion: 'TLSv1.2', session: socket.getSession() });
    await once(again, 'secureConnect');
    expect(again.isSessionReused()).toBe(false);
    for (const one of [socket, again]) one.destroy();
  });

  it('asks for client certificates as before, and takes no weaker cipher, when it shows another', async () => {
    tiny.adapter.showWebCertificate(await renewedAs('renewed'));
    const seen = once(tiny.adapter.getHttpServer(), 'request');
    const socket = await open(tiny.port, { cert: peer.certificate, key: peer.privateKey });
    socket.write(REQUEST);
    const [request] = (await seen) as [{ socket: TLSSocket }];
    expect(request.socket.getPeerX509Certificate()?.subject).toBe('CN=cloud2.localhost');
    socket.destroy();
    const weak = dial({ maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' });
    const end = new Promise((resolve) => weak.once('secureConnect', resolve).once('close', () => resolve('refused')));
    expect(await end).toBe('refused');
  });

  it('goes on with what it shows if the new one and its key do not belong together', async () => {
    const before = tiny.adapter.webCertificate;
    const [one, other] = [await renewedAs('one'), await renewedAs('other')];
    expect(() => tiny.adapter.showWebCertificate({ ...one, privateKey: other.privateKey })).toThrow();
    expect(tiny.adapter.webCertificate).toEqual(before);
    const socket = dial({});
    await once(socket, 'secureConnect');
    expect(socket.getPeerX509Certificate()?.raw).toEqual(new X509Certificate(before?.certificate ?? '').raw);
    socket.destroy();
  });

  it('lets open connections go on under the certificate they began with', async () => {
    const socket = await open(tiny.port);
    tiny.adapter.showWebCertificate(await renewedAs('while one is connected'));
    const after = await open(tiny.port);
    expect(after.getPeerX509Certificate()?.subject).toBe('CN=while one is connected');
    expect(socket.getPeerX509Certificate()?.subject).not.toBe('CN=while one is connected');
    for (const one of [socket, after]) {
      one.write(REQUEST);
      expect(parseAnswer(await readAll(one)).status).toBe(200);
    }
  });

  it('answers on a second listener of its own certificate as on the first', async () => {
    const certificate = await makeSelfSignedCertificate('cloud1.localhost', { commonName: 'federation' });
    const tls = { certificate: certificate.certificate, privateKey: new Secret(certificate.privateKey) };
    const listener = await tiny.adapter.listenForPeers(tls, { host: '127.0.0.1', port: 0 });
    const address = listener.address();
    const socket = dial({ rejectUnauthorized: false }, typeof address === 'object' ? address?.port : undefined);
    await once(socket, 'secureConnect');
    expect(socket.getPeerX509Certificate()?.subject).toBe('CN=federation');
    socket.write(requestText('GET /things'));
    expect(parseAnswer(await readAll(socket)).body).toBe('{"message":"CLIENT_NOT_AUTHENTICATED"}');

    const web = tiny.adapter.webCertificate;
    tiny.adapter.showToPeers(await renewedAs('the next federation key'));
    const next = dial({ rejectUnauthorized: false }, typeof address === 'object' ? address?.port : undefined);
    await once(next, 'secureConnect');
    expect(next.getPeerX509Certificate()?.subject).toBe('CN=the next federation key');
    expect(tiny.adapter.webCertificate).toBe(web);
    next.destroy();
  });
});

describe('a caller who goes away', () => {
  it('in the middle of a body leaves one line, and no error', async () => {
    tiny.lines.length = 0;
    const before = tiny.handled();
    const socket = await open(tiny.port);
    socket.write(`POST /things HTTP/1.1\r\nHost: ${HOST}\r\nX-Known: yes\r\nContent-Length: 10\r\n\r\nabc`);
    await once(tiny.adapter.getHttpServer(), 'request');
    socket.destroy();
    await vi.waitFor(() => expect(tiny.lines).toMatchObject([{ route: '/things', status: 408, aborted: true }]));
    expect(tiny.handled()).toBe(before);
  });
});

describe('behind a proxy that ends TLS', () => {
  it('the same is spoken without TLS', async () => {
    const adapter = createFederationAdapter({
      origins: [`https://${HOST}`],
      askForClientCertificates: false,
      log: () => undefined,
      alone: true,
    });
    const app = await NestFactory.create(class Empty {}, adapter, { logger: false });
    await app.listen(0, '127.0.0.1');
    const { port } = adapter.getHttpServer().address() as AddressInfo;
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    expect([answer.status, await answer.json()]).toEqual([421, { message: 'MISDIRECTED_REQUEST' }]);
    await app.close();
  });
});

describe('a slow caller', () => {
  it('is allowed 10 s for headers, 15 s for a request, and is looked at every second', async () => {
    const { headersTimeout, requestTimeout, keepAliveTimeout } = tiny.adapter.getHttpServer();
    expect({ headersTimeout, requestTimeout, keepAliveTimeout }).toEqual({
      headersTimeout: 10_000,
      requestTimeout: 15_000,
      keepAliveTimeout: 30_000,
    });
  });

  it.each([
    ['headers', `GET /things HTTP/1.1\r\nHost: ${HOST}\r\nX-A`],
    ['a body', `POST /things HTTP/1.1\r\nHost: ${HOST}\r\nX-Known: yes\r\nContent-Length: 10\r\n\r\nabc`],
  ])('is told 408 when %s take too long', async (_name, begun) => {
    const hasty = await startTinyApp();
    Object.assign(hasty.adapter.getHttpServer(), { headersTimeout: 200, requestTimeout: 300 });
    const socket = await open(hasty.port);
    socket.write(begun);
    const answer = parseAnswer(await readAll(socket, 4_000));
    expect([answer.status, answer.body]).toEqual([408, '{"message":"REQUEST_TIMEOUT"}']);
    expect(answer.headers['x-request-id']).toMatch(/^[\w-]{24}$/);
    await hasty.app.close();
  });
});
