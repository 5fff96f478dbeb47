import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { Controller, Get, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createFederationAdapter,
  DescribeOutgoing,
  FederationModule,
  type FederationOptions,
  Secret,
  Transactions,
} from '../../src/index.js';
import { InMemoryPorts, ThrowawayAuthority } from '../../src/testing/index.js';
import { freePort } from '../support/cloud.js';
import { type FreshDatabase, freshDatabase } from '../support/database.js';
import { call } from '../support/hostile-peer.js';

@Controller()
class OwnPages {
  @Get('health/live')
  live(): string {
    return 'the host is alive';
  }

  @Get('docs')
  docs(): string {
    return 'the manual of the host';
  }
}

/** Somewhere in the host, in a module that imports nothing of ours. */
@Injectable()
class Feature {
  constructor(readonly outgoing: DescribeOutgoing) {}
}

@Module({ providers: [Feature] })
class FeatureModule {}

const SEAL_KEY = randomBytes(32);
let database: FreshDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database?.drop());

function hostModule(url = database.url) {
  const options: FederationOptions = {
    publicOrigin: 'https://cloud1.localhost',
    database: { url, poolSize: 2 },
    sealKey: SEAL_KEY,
    adminToken: new Secret('the-bootstrap-token-of-a-small-host'),
  };
  const ports = new InMemoryPorts().module();
  const federation = FederationModule.forRoot({ ...options, ports, isGlobal: true, withoutRoutes: ['health', 'docs'] });
  @Module({ imports: [federation, FeatureModule], controllers: [OwnPages] })
  class Host {}
  return Host;
}

const quiet = { logger: false as const, abortOnError: false };

describe('a host with pages under the paths of ours', () => {
  let app: NestFastifyApplication;
  let authority: ThrowawayAuthority;
  let origin: string;
  beforeAll(async () => {
    authority = await ThrowawayAuthority.create();
    const port = await freePort();
    origin = `https://cloud1.localhost:${port}`;
    const adapter = createFederationAdapter({
      origins: [origin],
      askForClientCertificates: true,
      tls: await authority.issue('cloud1.localhost'),
      log: () => undefined,
    });
    app = await NestFactory.create<NestFastifyApplication>(hostModule(), adapter, quiet);
    await app.listen(port, '127.0.0.1');
  });
  afterAll(() => app?.close());

  it('does without ours', async () => {
    const get = (path: string) => call(origin, { path, ca: authority.certificate });
    expect((await get('/health/live')).text).toBe('the host is alive');
    expect((await get('/docs')).text).toBe('the manual of the host');
    expect((await get('/health/ready')).status).toBe(404);
    expect((await get('/federation')).status).toBe(200);
  });

  it('may have the acts injected everywhere', async () => {
    const { outgoing } = app.get(Feature, { strict: false });
    expect(await outgoing.list({})).toEqual({ items: [], next: null });
  });
});

describe('an application with another adapter', () => {
  const REFUSAL = /^FederationModule needs the adapter of createFederationAdapter\(options\).* has FastifyAdapter/;

  it('does not start, and says what it lacks before it opens a database', async () => {
    const nowhere = hostModule('postgres://nobody@127.0.0.1:1/none');
    await expect(NestFactory.create(nowhere, new FastifyAdapter(), quiet)).rejects.toThrow(REFUSAL);
  });

  it('does not start as a testing module either', async () => {
    const compiled = await Test.createTestingModule({ imports: [hostModule()] }).compile();
    const app = compiled.createNestApplication(new FastifyAdapter(), { logger: false });
    await expect(app.init()).rejects.toThrow(REFUSAL);
    await app.close();
  });

  it('needs none if it serves no HTTP: a command of the host may use the acts', async () => {
    const context = await NestFactory.createApplicationContext(hostModule(), quiet);
    expect(await context.get(Transactions, { strict: false }).query('select 1 as one')).toEqual([{ one: 1 }]);
    await context.close();
  });
});
