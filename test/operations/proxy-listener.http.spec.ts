import { linkSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { ProxyOptions } from '../../src/host/trusted-proxy.js';
import { Secret } from '../../src/kernel/secret.js';
import { createFederationAdapter } from '../../src/operations/federation-adapter.js';
import { requireSameProxy } from '../../src/operations/require-adapter.js';
import { removeDeadSocket } from '../../src/operations/unix-socket.js';
import { CertificateAuthority } from '../../src/transport/certificates.js';

class Empty {}

const LOOPBACK: ProxyOptions = { trusted: ['127.0.0.1/32', '::1/128'] };
const folder = mkdtempSync(path.join(os.tmpdir(), 'entente-listener-'));
const socket = path.join(folder, 'entente.sock');
afterAll(() => rmSync(folder, { recursive: true }));

const adapterBehind = (proxy?: ProxyOptions) =>
  createFederationAdapter({
    origins: ['https://cloud1.example'],
    proxy,
    askForClientCertificates: false,
    log: () => undefined,
    alone: true,
  });

describe('the listener behind a proxy', () => {
  let app: NestFastifyApplication | undefined;
  afterEach(() => app?.close());

  async function behind(proxy: ProxyOptions): Promise<NestFastifyApplication> {
    app = await NestFactory.create<NestFastifyApplication>(Empty, adapterBehind(proxy), {
      logger: false,
      abortOnError: false,
    });
    return app;
  }

  it('is a unix socket that owner and group may open, and nobody else, from the first moment on', async () => {
    const umask = process.umask(0);
    try {
      const listening = await behind({ trusted: 'unix' });
      await listening.listen({ path: socket });
      expect((statSync(socket).mode & 0o777).toString(8)).toBe('660');
      expect(process.umask()).toBe(0);
    } finally {
      process.umask(umask);
    }
    const [answer] = await new Promise<[IncomingMessage]>((resolve, reject) => {
      const headers = { host: 'cloud1.example' };
      get({ socketPath: socket, path: '/', headers }, (response) => resolve([response])).once('error', reject);
    });
    expect(answer.resume().statusCode).toBe(404);
  });

  it.each(['127.0.0.1', '::1', '127.0.0.9'])('is on loopback: %s', async (host) => {
    const listening = await behind(LOOPBACK);
    await listening.listen(0, host);
    expect(listening.getHttpServer().address()).toMatchObject({ address: host });
  });

  it.each<[string, ProxyOptions, object, RegExp]>([
    ['every interface', LOOPBACK, { port: 0, host: '0.0.0.0' }, /must be 127\.0\.0\.1 or ::1, or a unix socket/],
    ['every interface of both families', LOOPBACK, { port: 0, host: '::' }, /must be 127\.0\.0\.1 or ::1/],
    ['a name', LOOPBACK, { port: 0, host: 'localhost' }, /must be 127\.0\.0\.1 or ::1/],
    ['what Fastify takes by default', LOOPBACK, { port: 0 }, /must be 127\.0\.0\.1 or ::1/],
    ['a public address', LOOPBACK, { port: 0, host: '192.0.2.1' }, /must be 127\.0\.0\.1 or ::1/],
    ['a socket without a proxy on it', LOOPBACK, { path: socket }, /the proxy is trusted by its address/],
    [
      'loopback, with a proxy on a socket',
      { trusted: 'unix' },
      { port: 0, host: '127.0.0.1' },
      /must be a unix socket/,
    ],
  ])('is not on %s', async (_, proxy, address, expected) => {
    const refusing = await behind(proxy);
    await expect(refusing.listen(address as { port: number })).rejects.toThrow(expected);
    expect(refusing.getHttpServer().listening).toBe(false);
  });

  it('ends no TLS itself, on no listener', async () => {
    const authority = await CertificateAuthority.create('test roots');
    const { certificate, privateKey } = await authority.issue('cloud1.example');
    const tls = { certificate, privateKey: new Secret(privateKey) };
    const options = { origins: ['https://cloud1.example'], askForClientCertificates: true, tls };
    expect(() => createFederationAdapter({ ...options, proxy: LOOPBACK })).toThrow('leave tls out');
    const more = adapterBehind(LOOPBACK).listenForPeers(tls, { host: '127.0.0.1', port: 0 });
    await expect(more).rejects.toThrow('there is one listener');
  });

  it('needs the module and the adapter to be told the same', () => {
    const beside = { httpAdapter: adapterBehind(LOOPBACK) };
    const alone = { httpAdapter: adapterBehind() };
    expect(() => requireSameProxy(beside, { proxy: LOOPBACK })).not.toThrow();
    expect(() => requireSameProxy(alone, {})).not.toThrow();
    expect(() => requireSameProxy(beside, {})).toThrow('must be the same');
    expect(() => requireSameProxy(alone, { proxy: LOOPBACK })).toThrow('must be the same');
  });
});

describe('a unix socket that is there already', () => {
  it('is removed if nobody answers on it any more', async () => {
    const dead = path.join(folder, 'dead.sock');
    const killed = createServer().listen(dead);
    await new Promise((resolve) => killed.once('listening', resolve));
    // What a process leaves behind that was killed: Node itself would remove it.
    const kept = path.join(folder, 'kept.sock');
    linkSync(dead, kept);
    await new Promise((resolve) => killed.close(resolve));
    expect(statSync(kept).isSocket()).toBe(true);
    await removeDeadSocket(kept);
    expect(statSync(kept, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('stays if somebody answers, and so does what is no socket', async () => {
    const live = path.join(folder, 'live.sock');
    const server = createServer().listen(live);
    await new Promise((resolve) => server.once('listening', resolve));
    await removeDeadSocket(live);
    expect(statSync(live).isSocket()).toBe(true);
    await new Promise((resolve) => server.close(resolve));
    const file = path.join(folder, 'file');
    writeFileSync(file, 'text');
    await removeDeadSocket(file);
    expect(statSync(file).isFile()).toBe(true);
  });
});
