import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { DeliverConfirmation } from '../../src/trust/deliver-confirmation.js';
import { TestCloud } from '../support/cloud.js';
import { forgetAll, impatiently, stopAll } from '../trust/mesh.js';

/** Repeatable chance (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Service {
  readonly id: string;
  readonly state: string;
}

const SEEDS = [1, 2, 3, 5, 8, 13];

describe('two clouds whose operators do whatever comes to their mind', () => {
  let a: TestCloud;
  let b: TestCloud;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    [a, b] = await Promise.all([TestCloud.start({ name: 'a', authority }), TestCloud.start({ name: 'b', authority })]);
  });
  afterAll(() => stopAll(a, b));

  const services = async (cloud: TestCloud) => (await cloud.json<{ items: Service[] }>('GET', '/admin/services')).items;
  const trustedPins = (cloud: TestCloud) =>
    cloud.rows(`select pin from federation.relationship where state in ('TRUSTED', 'SUSPENDED')`);

  async function act(random: () => number, log: string[], alone: boolean): Promise<void> {
    const [cloud, other] = random() < 0.5 ? [a, b] : [b, a];
    const dice = random();
    const name = cloud === a ? 'a' : 'b';
    if (dice < 0.3) {
      const { status } = await cloud.api('POST', '/admin/services', { url: other.origin });
      log.push(`${name} adds: ${status}`);
      expect([201, 409]).toContain(status);
    } else if (dice < 0.52) {
      const invited = (await services(cloud)).find(({ state }) => state === 'INVITED');
      if (!invited) return;
      const { status } = await cloud.api('POST', `/admin/services/${invited.id}/accept`);
      log.push(`${name} accepts: ${status}`);
      expect([200, 404, 409]).toContain(status);
    } else if (dice < 0.66) {
      const some = (await services(cloud)).filter(({ state }) => state !== 'REVOKED' && state !== 'REJECTED');
      const picked = some[Math.floor(random() * some.length)];
      if (!picked) return;
      const { status } = await cloud.api('DELETE', `/admin/services/${picked.id}`);
      log.push(`${name} deletes ${picked.state}: ${status}`);
      expect([204, 404, 409]).toContain(status);
    } else if (dice < 0.84) {
      const picked = (await services(cloud)).find(({ state }) => state === 'TRUSTED' || state === 'SUSPENDED');
      if (!picked) return;
      const what = picked.state === 'TRUSTED' ? 'suspend' : 'resume';
      const { status } = await cloud.api('POST', `/admin/services/${picked.id}/${what}`);
      log.push(`${name} ${what}s: ${status}`);
      expect([200, 409]).toContain(status);
    } else if (dice < 0.92 || !alone) {
      vi.spyOn(cloud.get(DeliverConfirmation), 'settled').mockRejectedValueOnce(new Error('lost'));
      log.push(`${name} will lose an answer`);
    } else {
      const displayName = `${name} ${Math.floor(random() * 3)}`;
      await cloud.down();
      await cloud.up({ displayName });
      log.push(`${name} restarts as ${displayName}`);
    }
    if (random() < 0.4) await new Promise((resolve) => setTimeout(resolve, random() * 60));
  }

  it.each(SEEDS)(
    'trust each other or do not, never one alone (seed %i)',
    async (seed) => {
      const random = chance(seed);
      const log: string[] = [];
      await forgetAll(a, b);
      for (let step = 0; step < 12; step++) {
        if (random() < 0.3) await Promise.all([act(random, log, false), act(random, log, false)]);
        else await act(random, log, true);
      }
      await impatiently('all is said', [a, b], async () => {
        const open = [];
        for (const cloud of [a, b]) {
          const suspended = (await services(cloud)).filter(({ state }) => state === 'SUSPENDED');
          for (const { id } of suspended) await cloud.api('POST', `/admin/services/${id}/resume`);
          open.push(...(await cloud.rows(`select kind from federation.delivery where state = 'waiting'`)));
        }
        return open.length === 0;
      });
      const [byA, byB] = [await trustedPins(a), await trustedPins(b)];
      expect([byA, byB], log.join('\n')).toEqual(
        byA.length > 0 ? [[{ pin: b.fingerprint }], [{ pin: a.fingerprint }]] : [[], []],
      );
    },
    30_000,
  );
});
