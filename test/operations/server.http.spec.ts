import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'node:tls';
import { Controller, Get, Module, Post } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Audience } from '../../src/access/audience.js';
import type { FederationOptions } from '../../src/host/federation-options.js';
import { OwnCloud } from '../../src/host/own-cloud.js';
import { Secret } from '../../src/kernel/secret.js';
import { ApiDocuments } from '../../src/operations/api-documents.js';
import { DescribeSelf } from '../../src/operations/describe-self.js';
import { DocsController } from '../../src/operations/docs.controller.js';
import { HealthController } from '../../src/operations/health.controller.js';
import { PinoLogger } from '../../src/operations/logging.js';
import { type RunningFederation, startFederationServer } from '../../src/operations/server.js';
import { Transactions } from '../../src/persistence/transactions.js';
import {
  CertificateAuthority,
  type IssuedCertificate,
  makeSelfSignedCertificate,
} from '../../src/transport/certificates.js';
import { OwnIdentity } from '../../src/trust/own-identity.js';
import { HOST, parseAnswer, readAll, requestText, sendRaw } from './tiny-app.js';

/** A route under two paths, as peers' routes have. */
@Controller(['shares', 'ocm/shares'])
@Audience('peer')
class SharesController {
  @Get()
  list(): object {
    return {};
  }

  @Post()
  create(): object {
    return {};
  }
}

@Controller('api/v1/notices')
@Audience('host')
class NoticesController {
  @Get()
  list(): object {
    return {};
  }
}

@Controller('admin/services')
@Audience('operator')
class ServicesController {
  @Get()
  list(): object {
    return {};
  }
}

const untilOf = ({ certificate }: IssuedCertificate) =>
  new Date(new X509Certificate(certificate).validTo).toISOString();

const database: { answer: () => Promise<unknown[]> } = { answer: async () => [] };
let federation: IssuedCertificate;
let web: IssuedCertificate;
const pin = 'sha256:pin';
beforeAll(async () => {
  const authority = await CertificateAuthority.create('test roots');
  web = await authority.issue('cloud1.localhost');
  federation = await makeSelfSignedCertificate('cloud1.localhost', { commonName: 'federation' });
});

async function start(options: Partial<FederationOptions> = {}): Promise<RunningFederation & { lines: string[] }> {
  const all: FederationOptions = {
    publicOrigin: `https://${HOST}`,
    database: { url: 'postgres://nowhere' },
    sealKey: new Uint8Array(32),
    adminToken: new Secret('a'.repeat(40)),
    ...options,
  };
  const identity = () => ({
    certificate: federation.certificate,
    privateKey: new Secret(federation.privateKey),
    pin,
  });
  @Module({
    controllers: [HealthController, DocsController, SharesController, NoticesController, ServicesController],
    providers: [
      ApiDocuments,
      DescribeSelf,
      { provide: OwnCloud, useValue: new OwnCloud(all) },
      { provide: Transactions, useValue: { query: () => database.answer() } },
      { provide: OwnIdentity, useValue: { current: identity, onChange: () => undefined } },
    ],
  })
  class HostModule {}
  const lines: string[] = [];
  const logger = new PinoLogger('debug', { write: (line: string) => lines.push(line) });
  const listen = { host: '127.0.0.1', port: 0, federationPort: 0 };
  const tls = { certificate: web.certificate, privateKey: new Secret(web.privateKey) };
  const running = await startFederationServer(HostModule, { federation: all, listen, web: tls, logger });
  return { ...running, lines };
}

describe('a server', () => {
  let running: Awaited<ReturnType<typeof start>>;
  let port: number;
  beforeAll(async () => {
    running = await start();
    port = running.describe().ports.public;
  });
  afterAll(() => running.stop());
  afterEach(() => {
    database.answer = async () => [];
  });
  const get = (path: string) => sendRaw(port, requestText(`GET ${path}`));

  it('says what it is', async () => {
    expect(running.describe()).toEqual({
      origin: 'https://cloud1.localhost:8441',
      endpoint: 'https://cloud1.localhost:8441',
      federationFingerprint: 'sha256:pin',
      federationCertificate: expect.stringContaining('BEGIN CERTIFICATE'),
      webFingerprint: expect.stringMatching(/^sha256:[\w-]{43}$/),
      docs: 'https://cloud1.localhost:8441/docs',
      ports: { public: expect.any(Number), federation: undefined },
    });
  });

  it('tells operators who it is, down to the certificate that peers pin', async () => {
    expect(running.app.get(DescribeSelf).execute()).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      origin: 'https://cloud1.localhost:8441',
      endpoint: 'https://cloud1.localhost:8441',
      displayName: 'cloud1.localhost',
      domains: ['cloud1.localhost'],
      certificate: { fingerprint: 'sha256:pin', notAfter: expect.stringMatching(/^\d{4}-.*Z$/) },
      federationCertificate: { fingerprint: 'sha256:pin', until: untilOf(federation) },
      webCertificate: { fingerprint: running.describe().webFingerprint, until: untilOf(web) },
      node: process.version,
      uptime: expect.any(Number),
    });
  });

  it('is alive whether or not the database is', async () => {
    database.answer = () => Promise.reject(new Error('down'));
    expect(await get('/health/live')).toMatchObject({ status: 200, body: '{"status":"ok"}' });
  });

  it('is ready while the database answers', async () => {
    expect(await get('/health/ready')).toMatchObject({ status: 200, body: '{"status":"ok"}' });
  });

  it.each([
    ['fails', () => Promise.reject(new Error('down'))],
    ['takes more than a second', () => new Promise<never>(() => undefined)],
  ])('is not ready when the database %s', async (_name, answer) => {
    database.answer = answer;
    const refused = await sendRaw(port, requestText('GET /health/ready'), 3_000);
    expect([refused.status, refused.body]).toEqual([503, '{"message":"UNAVAILABLE"}']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('logs one line for each request, with its id', async () => {
    running.lines.length = 0;
    const answer = await get('/shares?token=canary');
    const logged = running.lines.map((line) => JSON.parse(line));
    expect(logged.filter(({ msg }) => msg === 'request')).toMatchObject([
      { requestId: answer.headers['x-request-id'], route: '/shares', status: 200, actor: 'stranger' },
    ]);
    expect(running.lines.join('')).not.toContain('canary');
  });

  describe('its documents', () => {
    const pathsOf = async (query: string) =>
      Object.keys(JSON.parse((await get(`/docs-json${query}`)).body).paths).sort();

    it('are three, by who calls, and one of everything; an alias is not listed', async () => {
      expect(await pathsOf('?group=operator')).toEqual(['/admin/services']);
      expect(await pathsOf('?group=host')).toEqual(['/api/v1/notices']);
      expect(await pathsOf('?group=federation')).toEqual(['/health/live', '/health/ready', '/shares']);
      expect(await pathsOf('')).toHaveLength(5);
    });

    it('say which credential a route wants', async () => {
      const document = JSON.parse((await get('/docs-json')).body);
      expect(document.openapi).toBe('3.1.0');
      expect(document.components.securitySchemes).toMatchObject({
        bearer: { type: 'http', scheme: 'bearer' },
        clientCertificate: { type: 'mutualTLS' },
      });
      expect(document.paths['/shares'].post.security).toEqual([{ clientCertificate: [] }]);
      expect(document.paths['/admin/services'].get.security).toEqual([{ bearer: [] }]);
      expect(document.paths['/health/live'].get.security).toEqual([]);
    });

    it.each([
      '/docs-json?group=nobody',
      '/docs-json?group=host&group=host',
      '/docs-json?group=',
      '/docs/assets/package.json',
      '/docs/assets/__proto__',
      '/docs/assets/..%2fpackage.json',
    ])('are not at %s', async (path) =>
      expect(await get(path)).toMatchObject({ status: 404, body: '{"message":"RESOURCE_NOT_FOUND"}' }),
    );

    it('are shown by a page that holds nothing inline and loads nothing from elsewhere', async () => {
      const page = await get('/docs');
      expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
      expect(page.headers['content-security-policy']).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
          "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      );
      expect(page.body).not.toMatch(/<style|style=|<script>|onload|https?:/);
      for (const [, link] of page.body.matchAll(/(?:href|src)="([^"]+)"/g)) {
        expect(await sendRaw(port, requestText(`HEAD /${link}`))).toMatchObject({ status: 200 });
      }
      const start = (await get('/docs/start.js')).body;
      expect(start).toContain('queryConfigEnabled: false');
      expect(start.match(/docs-json\?group=\w+/g)).toEqual(
        ['federation', 'host', 'operator'].map((group) => `docs-json?group=${group}`),
      );
    });
  });
});

describe('a server whose documents are switched off', () => {
  it('has none of them', async () => {
    const running = await start({ docs: false });
    const { ports, docs } = running.describe();
    for (const path of [
      '/docs',
      '/docs/start.js',
      '/docs/assets/swagger-ui.css',
      '/docs-json',
      '/docs-json?group=host',
    ]) {
      expect((await sendRaw(ports.public, requestText(`GET ${path}`))).status).toBe(404);
    }
    expect(docs).toBeUndefined();
    await running.stop();
  });
});

describe('a server whose peers call another port', () => {
  let running: Awaited<ReturnType<typeof start>>;
  let ports: { public: number; federation?: number };
  beforeEach(async () => {
    running = await start({ federationOrigin: 'https://cloud1.localhost:9441' });
    ports = running.describe().ports;
  });
  afterEach(() => running.stop());

  async function shown(port?: number): Promise<string | undefined> {
    const socket = connect({ host: '127.0.0.1', port, servername: 'cloud1.localhost', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const subject = socket.getPeerX509Certificate()?.subject;
    socket.destroy();
    return subject;
  }

  it('shows the federation certificate there, and the web certificate to everybody else', async () => {
    expect(await shown(ports.public)).toBe('CN=cloud1.localhost');
    expect(await shown(ports.federation)).toBe('CN=federation');
  });

  it('shows another web certificate without a restart, and peers the same as before', async () => {
    const renewed = await makeSelfSignedCertificate('cloud1.localhost', { commonName: 'renewed' });
    const before = running.describe().webFingerprint;
    running.reloadWebCertificate({ certificate: renewed.certificate, privateKey: new Secret(renewed.privateKey) });
    expect(await shown(ports.public)).toBe('CN=renewed');
    expect(await shown(ports.federation)).toBe('CN=federation');
    expect(running.describe().webFingerprint).not.toBe(before);
  });

  it('answers under both names, on both', async () => {
    for (const port of [ports.public, ports.federation ?? 0]) {
      for (const host of [HOST, 'cloud1.localhost:9441']) {
        const bytes = `GET /shares HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
        expect((await sendRaw(port, bytes)).status).toBe(200);
      }
    }
  });

  it('stops both', async () => {
    expect(running.stop()).toBe(running.stop());
    await running.stop();
    for (const port of [ports.public, ports.federation]) {
      await expect(shown(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    }
  });

  it('says 503 about its readiness as soon as it stops', async () => {
    const socket = connect({
      host: '127.0.0.1',
      port: ports.public,
      servername: 'cloud1.localhost',
      rejectUnauthorized: false,
    });
    await once(socket, 'secureConnect');
    let release: (rows: unknown[]) => void = () => undefined;
    database.answer = () => new Promise((resolve) => (release = resolve));
    const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;
    const seen = once(running.app.getHttpServer(), 'request');
    socket.write(ask('/health/ready'));
    await seen;
    const stopped = running.stop();
    await pause(20);
    release([]);
    database.answer = async () => [];
    expect(parseAnswer(await readAll(socket, 3_000))).toMatchObject({ status: 503, headers: { connection: 'close' } });
    await stopped;
  });
});

describe('a server that cannot listen', () => {
  it('says why, and leaves nothing behind', async () => {
    const first = await start();
    const { ports } = first.describe();
    const tls = { certificate: web.certificate, privateKey: new Secret(web.privateKey) };
    @Module({ providers: [ApiDocuments, { provide: OwnCloud, useValue: first.app.get(OwnCloud) }] })
    class EmptyModule {}
    const second = startFederationServer(EmptyModule, {
      federation: first.app.get(OwnCloud).options,
      listen: { host: '127.0.0.1', port: ports.public },
      web: tls,
      logger: first.logger,
    });
    await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await first.stop();
  });
});
