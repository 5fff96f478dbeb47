import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { establishTrust, inState, serviceOf, TestCloud } from '../support/cloud.js';
import { becomes, forgetAll, goneFrom, service, stopAll } from '../trust/mesh.js';

const NEVER = `sha256:${'A'.repeat(43)}`;

describe('the handshake of two clouds', () => {
  let a: TestCloud;
  let b: TestCloud;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    [a, b] = await Promise.all([
      TestCloud.start({ name: 'a', authority, options: { domains: ['a.localhost', 'alpha.example'] } }),
      TestCloud.start({ name: 'b', authority, options: { domains: ['b.localhost', 'beta.example'] } }),
    ]);
  });
  afterEach(() => forgetAll(a, b));
  afterAll(() => stopAll(a, b));

  const add = (from: TestCloud, to: TestCloud, more: object = {}) =>
    from.json<{ id: string; state: string }>('POST', '/admin/services', { url: to.origin, ...more });

  it.each([
    ['A asks, B accepts', () => [a, b] as const],
    ['B asks, A accepts', () => [b, a] as const],
  ])('ends in trust with the other’s own key on both sides: %s', async (_, roles) => {
    const [asking, asked] = roles();
    const { id, state } = await add(asking, asked);
    expect(state).toBe('REQUESTED');
    const invited = await inState(asked, asking.origin, 'INVITED');
    expect(invited.fingerprint).toBe(asking.fingerprint);
    expect((await service(asking, id)).state).toBe('REQUESTED');

    await asked.json('POST', `/admin/services/${invited.id}/accept`);
    expect((await inState(asking, asked.origin, 'TRUSTED')).fingerprint).toBe(asked.fingerprint);
    expect((await inState(asked, asking.origin, 'TRUSTED')).fingerprint).toBe(asking.fingerprint);
  });

  it('makes the host effective, and leaves every other domain proposed until both operators approve', async () => {
    await establishTrust(a, b);
    const ofB = await inState(a, b.origin, 'TRUSTED');
    const ofA = await inState(b, a.origin, 'TRUSTED');
    expect(ofB).toMatchObject({ domains: ['b.localhost'], proposedDomains: ['beta.example'] });
    expect(ofA).toMatchObject({ domains: ['a.localhost'], proposedDomains: ['alpha.example'] });

    expect(await a.json('PATCH', `/admin/services/${ofB.id}`, { domains: ['beta.example'] })).toMatchObject({
      domains: ['b.localhost', 'beta.example'],
      proposedDomains: [],
    });
    expect((await service(b, ofA.id)).proposedDomains).toEqual(['alpha.example']);
    await b.json('PATCH', `/admin/services/${ofA.id}`, { domains: ['alpha.example'] });
    expect((await service(b, ofA.id)).domains).toEqual(['a.localhost', 'alpha.example']);
  });

  it('refuses to approve a domain that is ours', async () => {
    await establishTrust(a, b);
    const { id } = await inState(a, b.origin, 'TRUSTED');
    const answer = await a.api('PATCH', `/admin/services/${id}`, { domains: ['beta.example', 'alpha.example'] });
    expect(answer).toMatchObject({ status: 409, json: { message: 'STATE_CONFLICT' } });
    expect((await service(a, id)).domains).toEqual(['b.localhost']);
  });

  it('ends in REJECTED on both sides when the operator rejects, and says why', async () => {
    const { id } = await add(a, b);
    const invited = await inState(b, a.origin, 'INVITED');
    await b.json('POST', `/admin/services/${invited.id}/reject`);
    expect((await service(b, invited.id)).reason).toBe('REJECTED_BY_US');
    expect(await becomes(a, id, 'REJECTED')).toMatchObject({ reason: 'REJECTED_BY_PEER' });
    expect((await service(b, invited.id)).state).toBe('REJECTED');
  });

  it('lets an operator answer once only', async () => {
    await add(a, b);
    const { id } = await inState(b, a.origin, 'INVITED');
    const answers = await Promise.all(
      ['accept', 'reject', 'accept', 'reject'].map((act) => b.api('POST', `/admin/services/${id}/${act}`)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409]);
  });

  it('takes the request away from the other side when it is cancelled', async () => {
    const { id } = await add(a, b);
    await inState(b, a.origin, 'INVITED');
    expect((await a.api('DELETE', `/admin/services/${id}`)).status).toBe(204);
    expect(await service(a, id)).toMatchObject({ state: 'REVOKED', reason: 'CANCELLED' });
    await goneFrom(b, a.origin);
  });

  it('rejects an invitation that the operator deletes', async () => {
    const { id } = await add(a, b);
    const invited = await inState(b, a.origin, 'INVITED');
    expect((await b.api('DELETE', `/admin/services/${invited.id}`)).status).toBe(204);
    expect(await becomes(a, id, 'REJECTED')).toMatchObject({ reason: 'REJECTED_BY_PEER' });
  });

  it('ends what has ended once only, and knows no other ids', async () => {
    const { id } = await add(a, b);
    await inState(b, a.origin, 'INVITED');
    const { id: there } = await inState(b, a.origin, 'INVITED');
    await b.json('POST', `/admin/services/${there}/reject`);
    await becomes(a, id, 'REJECTED');
    for (const cloud of [a, b]) {
      const ended = cloud === a ? id : there;
      expect((await cloud.api('DELETE', `/admin/services/${ended}`)).status).toBe(204);
      expect((await service(cloud, ended)).state).toBe('REJECTED');
    }
    expect((await a.api('DELETE', '/admin/services/nobody')).status).toBe(404);
  });

  it('trusts the fingerprint that the operator expected', async () => {
    const { id } = await add(a, b, { expectedFingerprint: b.fingerprint });
    const invited = await inState(b, a.origin, 'INVITED');
    await b.json('POST', `/admin/services/${invited.id}/accept`, { fingerprint: a.fingerprint });
    await becomes(a, id, 'TRUSTED');
    await inState(b, a.origin, 'TRUSTED');
  });

  it('trusts nobody with another fingerprint than the operator expected', async () => {
    const { id } = await add(a, b, { expectedFingerprint: NEVER });
    const invited = await inState(b, a.origin, 'INVITED');
    await b.json('POST', `/admin/services/${invited.id}/accept`);
    expect(await becomes(a, id, 'REJECTED')).toMatchObject({ reason: 'FINGERPRINT_MISMATCH' });
    expect(await becomes(b, invited.id, 'REJECTED')).toMatchObject({ reason: 'CONFIRMATION_REFUSED' });
  });

  it('refuses the accepting operator’s click if the fingerprint is not the one shown', async () => {
    await add(a, b);
    const { id } = await inState(b, a.origin, 'INVITED');
    const answer = await b.api('POST', `/admin/services/${id}/accept`, { fingerprint: NEVER });
    expect(answer).toMatchObject({
      status: 400,
      json: { message: 'VALIDATION_FAILED', validationErrors: [{ name: 'fingerprint', message: 'MISMATCH' }] },
    });
    expect((await service(b, id)).state).toBe('INVITED');
  });

  it('never merges an accepted request into one that expected another fingerprint', async () => {
    await add(a, b);
    const { id } = await inState(b, a.origin, 'INVITED');
    await add(b, a, { expectedFingerprint: NEVER });
    const answer = await b.api('POST', `/admin/services/${id}/accept`);
    expect(answer).toMatchObject({ status: 400, json: { validationErrors: [{ name: 'fingerprint' }] } });
  });

  it('adds a cloud once, and never itself', async () => {
    await add(a, b);
    expect(await a.api('POST', '/admin/services', { url: `${b.origin}/` })).toMatchObject({
      status: 409,
      json: { message: 'STATE_CONFLICT' },
    });
    await inState(b, a.origin, 'INVITED');
    for (const url of [
      a.origin,
      'http://b.localhost',
      'https://127.0.0.1',
      'https://b.localhost/path',
      'b.localhost',
    ]) {
      const answer = await a.api('POST', '/admin/services', { url });
      expect(answer).toMatchObject({ status: 400, json: { validationErrors: [{ name: 'url' }] } });
    }
    expect((await a.rows('select id from federation.relationship')).length).toBe(1);
  });

  it('refuses a cloud whose host was approved as a domain of another peer', async () => {
    await establishTrust(a, b);
    const { id } = await inState(a, b.origin, 'TRUSTED');
    await a.json('PATCH', `/admin/services/${id}`, { domains: ['c.localhost'] });
    const answer = await a.api('POST', '/admin/services', { url: 'https://c.localhost:8443' });
    expect(answer).toMatchObject({ status: 409, json: { message: 'STATE_CONFLICT' } });
  });

  it('begins empty after an end: a new relationship, and no domain approved', async () => {
    await establishTrust(a, b);
    const first = await inState(a, b.origin, 'TRUSTED');
    await a.json('PATCH', `/admin/services/${first.id}`, { domains: ['beta.example'] });
    await a.api('DELETE', `/admin/services/${first.id}`);
    expect(await inState(b, a.origin, 'REVOKED')).toMatchObject({ reason: 'REVOKED_BY_PEER' });

    await establishTrust(b, a);
    const second = await inState(a, b.origin, 'TRUSTED');
    expect(second.id).not.toBe(first.id);
    expect(second).toMatchObject({ domains: ['b.localhost'], proposedDomains: ['beta.example'] });
    expect(await service(a, first.id)).toMatchObject({ state: 'REVOKED', reason: 'REVOKED_BY_US' });
    expect((await serviceOf(b, a.origin))?.state).toBe('TRUSTED');
  });

  it('writes every change of trust into the audit trail', async () => {
    const { id } = await add(a, b);
    const invited = await inState(b, a.origin, 'INVITED');
    await b.json('POST', `/admin/services/${invited.id}/accept`);
    await becomes(a, id, 'TRUSTED');
    await becomes(b, invited.id, 'TRUSTED');
    await a.api('DELETE', `/admin/services/${id}`);
    await becomes(b, invited.id, 'REVOKED');
    const actions = async (cloud: TestCloud, object: string) =>
      (await cloud.json<{ items: { action: string; object: string }[] }>('GET', '/admin/audit?limit=100')).items
        .filter((entry) => entry.object === `service:${object}` || entry.object === `trust-request:${object}`)
        .map(({ action }) => action)
        .reverse();
    expect(await actions(a, id)).toEqual(
      expect.arrayContaining(['trust.requested', 'trust.established', 'trust.revoked']),
    );
    expect(await actions(b, invited.id)).toEqual(
      expect.arrayContaining(['trust.request-received', 'trust.accepted', 'trust.established', 'trust.revoked']),
    );
  });
});

describe('a cloud that requires fingerprints', () => {
  let a: TestCloud;
  let b: TestCloud;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    const options = { requireFingerprint: true };
    [a, b] = await Promise.all([
      TestCloud.start({ name: 'a', authority, options }),
      TestCloud.start({ name: 'b', authority, options }),
    ]);
  });
  afterAll(() => stopAll(a, b));

  it('neither asks nor accepts without one', async () => {
    expect(await a.api('POST', '/admin/services', { url: b.origin })).toMatchObject({
      status: 400,
      json: { validationErrors: [{ name: 'expectedFingerprint', message: 'REQUIRED' }] },
    });
    await a.json('POST', '/admin/services', { url: b.origin, expectedFingerprint: b.fingerprint });
    const { id } = await inState(b, a.origin, 'INVITED');
    expect(await b.api('POST', `/admin/services/${id}/accept`)).toMatchObject({
      status: 400,
      json: { validationErrors: [{ name: 'fingerprint', message: 'REQUIRED' }] },
    });
    await b.json('POST', `/admin/services/${id}/accept`, { fingerprint: a.fingerprint });
    await inState(a, b.origin, 'TRUSTED');
    await inState(b, a.origin, 'TRUSTED');
  });
});
