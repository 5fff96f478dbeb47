import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildIfStale } from '../../scripts/support/build.mjs';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { eventually, freePort } from '../support/cloud.js';
import { CloudProcess } from '../support/cloud-process.js';
import { freshDatabase } from '../support/database.js';

/** Repeatable with `TRUST_KILL_SEED`. */
const SEED = Number(process.env.TRUST_KILL_SEED ?? Date.now() % 1_000_000);

/** Repeatable chance (a linear congruence: enough to spread moments). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

/** What is read of a schema in the documents. */
interface Schema {
  readonly $ref?: string;
  readonly allOf?: Schema[];
  readonly properties?: Record<string, Schema>;
  readonly example?: unknown;
}

interface Service {
  readonly id: string;
  readonly state: string;
}

describe(`two processes that are killed in the middle of a handshake (seed ${SEED})`, () => {
  const random = chance(SEED);
  const databases: Awaited<ReturnType<typeof freshDatabase>>[] = [];
  let folder: string;
  let one: CloudProcess;
  let two: CloudProcess;

  beforeAll(async () => {
    expect(await buildIfStale()).toMatchObject({ ok: true });
    folder = mkdtempSync(path.join(os.tmpdir(), 'entente-kill-'));
    databases.push(await freshDatabase(), await freshDatabase());
    const authority = await CertificateAuthority.create('Test CA');
    const [first, second] = databases;
    one = new CloudProcess('cloud1', await freePort(), folder, first?.url ?? '', authority);
    two = new CloudProcess('cloud2', await freePort(), folder, second?.url ?? '', authority);
    await Promise.all([one.start(), two.start()]);
  }, 90_000);
  afterAll(async () => {
    await Promise.all([one?.killed(), two?.killed()]);
    await Promise.all(databases.map((database) => database.drop()));
    rmSync(folder, { recursive: true, force: true });
  });

  const services = async (cloud: CloudProcess) =>
    (await cloud.json<{ items: Service[] }>('GET', '/admin/services')).items;
  /** What an operator does may be cut off with the process; whether it was done is in the database. */
  const attempt = (work: Promise<unknown>) => work.catch(() => undefined);
  const add = (cloud: CloudProcess, url: string) => attempt(cloud.json('POST', '/admin/services', { url }));
  const accept = async (cloud: CloudProcess) => {
    const invited = await eventually('it is asked', async () =>
      (await services(cloud)).find(({ state }) => state === 'INVITED'),
    );
    await attempt(cloud.json('POST', `/admin/services/${invited.id}/accept`));
  };
  const suspend = async (cloud: CloudProcess) => {
    const trusted = await eventually('it is trusted', async () =>
      (await services(cloud)).find(({ state }) => state === 'TRUSTED'),
    );
    await attempt(cloud.json('POST', `/admin/services/${trusted.id}/suspend`));
    await attempt(cloud.json('POST', `/admin/services/${trusted.id}/resume`));
  };
  const trustedPins = async (cloud: CloudProcess) =>
    (
      await cloud.rows<{ pin: string }>(
        `select pin from federation.relationship where state in ('TRUSTED', 'SUSPENDED')`,
      )
    ).map(({ pin }) => pin);
  const ownPin = async (cloud: CloudProcess) =>
    (await cloud.rows<{ pin: string }>('select pin from federation.own_key'))[0]?.pin;
  const allIsSaid = () =>
    eventually(
      'all is said',
      async () => {
        await Promise.all([one.letTimePass(), two.letTimePass()]);
        await pause(150);
        const open = await Promise.all(
          [one, two].map((cloud) => cloud.rows(`select id from federation.delivery where state = 'waiting'`)),
        );
        return open.flat().length === 0;
      },
      20_000,
    );
  const forgetAll = async (cloud: CloudProcess) => {
    await cloud.rows(
      'truncate federation.delivery, federation.delivery_hold, federation.trust_request, federation.relationship_domain',
    );
    await cloud.rows('delete from federation.relationship');
  };

  const crossing = () => Promise.all([add(one, two.origin), add(two, one.origin)]);
  const asked = async () => {
    await add(one, two.origin);
    await accept(two);
  };

  it.each<[string, () => Promise<unknown>, number]>([
    ['requests that cross', crossing, 120],
    ['a request that is accepted', asked, 250],
    ['trust that is suspended and resumed', () => crossing().then(() => suspend(one)), 300],
  ])(
    'trust each other or do not, never one alone: %s',
    async (_, acts, within) => {
      const victims = random() < 0.3 ? [one, two] : [random() < 0.5 ? one : two];
      const acting = attempt(acts());
      await pause(random() * within);
      await Promise.all(victims.map((cloud) => cloud.killed()));
      await Promise.all(victims.map((cloud) => cloud.start()));
      // What an operator still waits for may wait for a delivery.
      await Promise.all([acting, allIsSaid()]);
      await allIsSaid();
      const [byOne, byTwo] = await Promise.all([trustedPins(one), trustedPins(two)]);
      expect([byOne, byTwo]).toEqual(byOne.length > 0 ? [[await ownPin(two)], [await ownPin(one)]] : [[], []]);
      for (const cloud of [one, two]) {
        const half = await cloud.rows(`select state from federation.relationship where state = 'CONFIRMING'`);
        expect(half).toEqual([]);
        await forgetAll(cloud);
      }
    },
    60_000,
  );

  it('trust each other where nobody is killed', async () => {
    await crossing();
    await allIsSaid();
    expect([await trustedPins(one), await trustedPins(two)]).toEqual([[await ownPin(two)], [await ownPin(one)]]);
  }, 40_000);

  it('take the examples of their documents as they are', async () => {
    const { components } = await one.json<{ components: { schemas: Record<string, Schema> } }>('GET', '/docs-json');
    const sampleOf = (schema: Schema): unknown => {
      if (schema.example !== undefined) return schema.example;
      const name = (schema.$ref ?? schema.allOf?.[0]?.$ref)?.split('/').at(-1);
      if (name !== undefined) return sampleOf(components.schemas[name] ?? {});
      return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([key, value]) => [key, sampleOf(value)]));
    };
    const sample = (name: string) => sampleOf(components.schemas[name] ?? {}) as Record<string, unknown>;
    const [service] = await services(one);
    const path = `/admin/services/${service?.id}`;
    const { policy, displayName, securityContact } = sample('ChangeServiceDto');
    expect(policy).toMatchObject({ sharing: true, rate: { requestsPerMinute: 6_000 } });
    const changed = await one.json('PATCH', path, sample('ChangeServiceDto'));
    expect(changed).toMatchObject({ policy, displayName, securityContact });
    expect(changed.domains).toContain('cloud2.example');
    expect(await one.json('POST', `${path}/suspend`, sample('SuspendServiceDto'))).toMatchObject({
      state: 'SUSPENDED',
    });
    expect(await one.json('POST', `${path}/resume`)).toMatchObject({ state: 'TRUSTED' });
  });
});
