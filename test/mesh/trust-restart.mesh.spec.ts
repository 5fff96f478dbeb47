import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { DeliverConfirmation } from '../../src/trust/deliver-confirmation.js';
import { establishTrust, eventually, inState, TestCloud } from '../support/cloud.js';
import type { HostilePeer } from '../support/hostile-peer.js';
import {
  added,
  becomes,
  confirm,
  forgetAll,
  hostileAt,
  impatiently,
  service,
  stateOf,
  stopAll,
} from '../trust/mesh.js';

describe('clouds that stop and start between the steps of a handshake', () => {
  let a: TestCloud;
  let b: TestCloud;
  let peer: HostilePeer;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    [a, b, peer] = await Promise.all([
      TestCloud.start({ name: 'a', authority }),
      TestCloud.start({ name: 'b', authority }),
      hostileAt('c.localhost', authority),
    ]);
  });
  afterEach(() => forgetAll(a, b));
  afterAll(() => stopAll(a, b, peer));

  const restart = async (cloud: TestCloud) => {
    await cloud.down();
    await cloud.up();
  };
  const becomesImpatiently = (cloud: TestCloud, id: string, state: string) =>
    impatiently(`${id} becomes ${state}`, [a, b], async () => (await service(cloud, id)).state === state);

  it('trust each other in the end, wherever they were interrupted', async () => {
    const { fingerprint } = a;
    await b.down();
    const { id } = await a.json<{ id: string }>('POST', '/admin/services', { url: b.origin });
    await restart(a);
    await b.up();
    const invited = await impatiently('the request arrives', [a], async () => {
      const [row] = await b.rows<{ id: string; pin: string }>('select id, pin from federation.trust_request');
      return row;
    });
    expect(invited.pin).toBe(fingerprint);
    await restart(b);
    await a.down();
    await b.json('POST', `/admin/services/${invited.id}/accept`);
    expect(await stateOf(b, invited.id)).toBe('CONFIRMING');
    await restart(b);
    await a.up();
    await becomesImpatiently(b, invited.id, 'TRUSTED');
    expect(await stateOf(a, id)).toBe('TRUSTED');
    await Promise.all([restart(a), restart(b)]);
    expect([await stateOf(a, id), await stateOf(b, invited.id)]).toEqual(['TRUSTED', 'TRUSTED']);
    expect(a.fingerprint).toBe(fingerprint);
  });

  describe('where the answer to the confirmation was lost with the process', () => {
    let atA: string;
    let atB: string;

    /** A trusts and has answered; B died before it wrote that down. */
    const loseTheAnswer = async () => {
      vi.spyOn(b.get(DeliverConfirmation), 'settled').mockRejectedValueOnce(new Error('the process died'));
      atA = (await a.json<{ id: string }>('POST', '/admin/services', { url: b.origin })).id;
      atB = (await inState(b, a.origin, 'INVITED')).id;
      await b.json('POST', `/admin/services/${atB}/accept`);
      await becomes(a, atA, 'TRUSTED');
      await eventually('B has it still to do', async () => {
        const [row] = await b.rows<{ reason: string | null }>('select reason from federation.delivery');
        return row?.reason === 'internal-error';
      });
      await restart(b);
      expect(await stateOf(b, atB)).toBe('CONFIRMING');
    };

    it('both trust once B is back', async () => {
      await loseTheAnswer();
      await becomesImpatiently(b, atB, 'TRUSTED');
      expect(await stateOf(a, atA)).toBe('TRUSTED');
    });

    it('both trust once B is back, though A has been suspended and resumed, or only suspended', async () => {
      await loseTheAnswer();
      await a.json('POST', `/admin/services/${atA}/suspend`);
      await becomesImpatiently(b, atB, 'TRUSTED');
      expect(await stateOf(a, atA)).toBe('SUSPENDED');
      await a.json('POST', `/admin/services/${atA}/resume`);
      expect([await stateOf(a, atA), await stateOf(b, atB)]).toEqual(['TRUSTED', 'TRUSTED']);
    });

    it('neither trusts once B’s operator has cancelled', async () => {
      await loseTheAnswer();
      expect((await b.api('DELETE', `/admin/services/${atB}`)).status).toBe(204);
      expect(await becomes(a, atA, 'REVOKED')).toMatchObject({ reason: 'CANCELLED' });
      expect(await service(b, atB)).toMatchObject({ state: 'REVOKED', reason: 'CANCELLED' });
    });

    it('neither trusts once A’s operator has revoked', async () => {
      await loseTheAnswer();
      expect((await a.api('DELETE', `/admin/services/${atA}`)).status).toBe(204);
      await becomesImpatiently(b, atB, 'REJECTED');
      expect(await service(a, atA)).toMatchObject({ state: 'REVOKED', reason: 'REVOKED_BY_US' });
    });
  });

  it('neither trusts if the request was cancelled while its confirmation waited', async () => {
    const { id } = await a.json<{ id: string }>('POST', '/admin/services', { url: b.origin });
    const { id: there } = await inState(b, a.origin, 'INVITED');
    await a.down();
    await b.json('POST', `/admin/services/${there}/accept`);
    await eventually('it was tried', async () => (await service(b, there)).reason === 'connect');
    await a.up();
    await a.api('DELETE', `/admin/services/${id}`);
    await becomesImpatiently(b, there, 'REJECTED');
    expect(await service(a, id)).toMatchObject({ state: 'REVOKED', reason: 'CANCELLED' });
  });

  it('keep a peer suspended, and what it is owed, until their operator resumes it', async () => {
    await establishTrust(a, b);
    const { id } = await inState(a, b.origin, 'TRUSTED');
    await a.json('POST', `/admin/services/${id}/suspend`, { reason: 'INCIDENT-4711' });
    await a.down();
    await a.up({ displayName: 'Cloud A' });
    expect(await service(a, id)).toMatchObject({ state: 'SUSPENDED', reason: 'INCIDENT-4711' });
    expect(
      await a.rows('select kind, state, attempts, reason from federation.delivery order by position desc limit 1'),
    ).toEqual([{ kind: 'trust-profile', state: 'waiting', attempts: 0, reason: 'suspended' }]);
    await a.down();
    await a.up({ displayName: 'Cloud A' });
    await a.json('POST', `/admin/services/${id}/resume`);
    await eventually('the peer hears of the new name', async () => {
      const { items } = await b.json<{ items: { proposed: object }[] }>('GET', '/admin/services');
      return JSON.stringify(items[0]?.proposed) === '{"displayName":"Cloud A","securityContact":null}';
    });
  });

  it('tell a peer that was down of the end of trust, which is true here at once', async () => {
    await establishTrust(a, b);
    const atA = await inState(a, b.origin, 'TRUSTED');
    const atB = await inState(b, a.origin, 'TRUSTED');
    await b.down();
    await a.api('DELETE', `/admin/services/${atA.id}`);
    expect(await stateOf(a, atA.id)).toBe('REVOKED');
    await restart(a);
    await b.up();
    await becomesImpatiently(b, atB.id, 'REVOKED');
    expect(await service(b, atB.id)).toMatchObject({ reason: 'REVOKED_BY_PEER' });
  });

  it('ask a peer again that has not heard of the end, and trust it anew once it has', async () => {
    await establishTrust(a, b);
    const atA = await inState(a, b.origin, 'TRUSTED');
    const atB = await inState(b, a.origin, 'TRUSTED');
    await b.down();
    await a.api('DELETE', `/admin/services/${atA.id}`);
    const { id: again } = await a.json<{ id: string }>('POST', '/admin/services', { url: b.origin });
    await b.up();
    await becomesImpatiently(b, atB.id, 'REVOKED');
    const invited = await impatiently('the new request arrives', [a], async () => {
      const [row] = await b.rows<{ id: string }>(`select id from federation.trust_request where state = 'pending'`);
      return row;
    });
    await b.json('POST', `/admin/services/${invited.id}/accept`);
    await becomesImpatiently(a, again, 'TRUSTED');
    await becomesImpatiently(b, invited.id, 'TRUSTED');
    expect([await stateOf(a, atA.id), await stateOf(b, atB.id)]).toEqual(['REVOKED', 'REVOKED']);
  });

  it('stand by a confirmation that they answered before they stopped', async () => {
    const { id, code } = await added(a, peer);
    const first = await confirm(peer, a, { code });
    await restart(a);
    expect(await confirm(peer, a, { code })).toMatchObject({ status: 200, text: first.text });
    expect(await stateOf(a, id)).toBe('TRUSTED');
  });
});
