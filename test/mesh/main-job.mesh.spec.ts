import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { establishTrust, eventually, TestCloud } from '../support/cloud.js';

describe('two clouds that share', () => {
  let one: TestCloud;
  let two: TestCloud;
  let alice: string;
  let bob: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    [one, two] = await Promise.all([
      TestCloud.start({ name: 'cloud1', authority }),
      TestCloud.start({ name: 'cloud2', authority }),
    ]);
    alice = await one.createAccount('alice');
    bob = await two.createAccount('bob');
    one.makeResource(alice, 'field-notes');
  });

  afterAll(() => Promise.all([one?.stop(), two?.stop()]));

  it('offers, accepts, changes and withdraws a share over a trusted relationship', async () => {
    await establishTrust(one, two);
    const share = await one.json<{ id: string; shareId: string; state: string }>('POST', '/api/v1/shares/outgoing', {
      owner: alice,
      shareWith: bob,
      name: 'Field notes',
      resourceId: 'field-notes',
      permission: 'read',
    });
    expect(share.state).toBe('pending-delivery');
    const outgoing = () => one.json(`GET`, `/api/v1/shares/outgoing/${share.id}`);
    const incoming = async () =>
      (await two.json<{ items: Record<string, unknown>[] }>('GET', `/api/v1/shares/incoming?recipient=${bob}`))
        .items[0];

    const offered = await eventually('bob is invited', incoming);
    expect(offered).toMatchObject({ shareId: share.shareId, owner: alice, permission: 'read', state: 'pending' });
    await eventually('cloud 1 knows', async () => (await outgoing()).state === 'pending');

    await two.json('POST', `/api/v1/shares/incoming/${offered.id}/accept`);
    await eventually('cloud 1 sees it accepted', async () => (await outgoing()).state === 'accepted');
    await eventually('cloud 2 has it confirmed', async () => (await incoming())?.confirmed === true);

    const access = await two.json<{ protocols: { options: { access_token: string } }[] }>(
      'GET',
      `/api/v1/shares/incoming/${offered.id}/access`,
    );
    const token = access.protocols[0]?.options.access_token ?? '';
    const introspect = () =>
      one
        .api('POST', '/api/v1/access/introspect', `token=${token}`, {
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        })
        .then(({ json }) => json);
    expect(await introspect()).toMatchObject({ active: true, sub: bob, scope: 'read', resource_id: 'field-notes' });

    await one.json('PATCH', `/api/v1/shares/outgoing/${share.id}`, { permission: 'read_write' });
    await eventually('cloud 2 sees the change', async () => (await incoming())?.permission === 'read_write');

    await one.json('DELETE', `/api/v1/shares/outgoing/${share.id}`);
    expect(await introspect()).toEqual({ active: false });
    await eventually('cloud 2 sees it revoked', async () => (await incoming())?.state === 'revoked');
    expect(await two.rows('select protocols_sealed from federation.incoming_share')).toEqual([
      { protocols_sealed: null },
    ]);
  });
});
