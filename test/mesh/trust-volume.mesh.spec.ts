import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority, type IssuedCertificate } from '../../src/transport/certificates.js';
import { OwnIdentity } from '../../src/trust/own-identity.js';
import { establishTrust, serviceOf, TestCloud } from '../support/cloud.js';
import { call } from '../support/hostile-peer.js';

/** More than one UPDATE gets through in the time that other statements have. */
const SHARES = 100_000;

describe('a peer that tries to be too big or too busy to be revoked', () => {
  let one: TestCloud;
  let two: TestCloud;
  let peer: IssuedCertificate;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    [one, two] = await Promise.all([
      TestCloud.start({ name: 'cloud1', authority }),
      TestCloud.start({ name: 'cloud2', authority }),
    ]);
    await establishTrust(one, two);
    const { certificate, privateKey } = two.get(OwnIdentity).current();
    peer = { certificate, privateKey: privateKey.reveal() };
    const service = await serviceOf(one, two.origin);
    await one.rows(
      `insert into federation.incoming_share (id, relationship_id, share_id, provider_id, owner, share_with,
         recipient_account, name, permission, state, protocol_names, protocols_sealed, offer_digest)
       select 'share ' || n, $1, n::text, 'p', 'o', 'r', 'a', 'n', 'read', 'pending', '[]', 'sealed', 'd'
       from generate_series(1, ${SHARES}) n`,
      service?.id,
    );
  }, 30_000);

  afterAll(() => Promise.all([one?.stop(), two?.stop()]));

  it('is revoked all the same, while its calls keep coming', async () => {
    let isOver = false;
    const statuses = new Set<number>();
    const keepCalling = async () => {
      while (!isOver) {
        const body = { type: 'HELLO', message: 'still here' };
        statuses.add((await call(one.origin, { method: 'POST', path: '/notifications', body, as: peer })).status);
      }
    };
    const callers = Promise.all(Array.from({ length: 8 }, keepCalling));
    await new Promise((resolve) => setTimeout(resolve, 500));
    const service = await serviceOf(one, two.origin);
    const answer = await one.api('DELETE', `/admin/services/${service?.id}`);
    const after = await call(one.origin, { method: 'POST', path: '/federation/ping', as: peer });
    isOver = true;
    await callers;
    expect(answer.status).toBe(204);
    expect(after.status).toBe(401);
    // Those that came while a hundred thousand shares were ending were told to come back.
    expect([...statuses].filter((status) => status !== 503).sort()).toEqual([201, 401]);
    const live = await one.rows(
      `select count(*)::int as count from federation.incoming_share where state = 'pending' or protocols_sealed is not null`,
    );
    expect(live).toEqual([{ count: 0 }]);
  }, 40_000);
});
