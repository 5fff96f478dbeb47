import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Clock } from '../../src/kernel/clock.js';
import { OUTGOING_STATES } from '../../src/shares/outgoing/outgoing-share.entity.js';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { eventually, TestCloud } from '../support/cloud.js';
import type { CallResult } from '../support/hostile-peer.js';
import { auditOf, bodyOf, incoming, introspect, type Outgoing, offer, outgoing } from './support.js';
import { ScriptedPeer } from './trusted-peer.js';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

describe('letting people of other clouds in', () => {
  const log: string[] = [];
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let alice: string;
  let bearer: Record<'host' | 'operator' | 'auditor', string>;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud1', authority, onLog: (line) => void log.push(line) });
    alice = await cloud.createAccount('alice');
    cloud.makeResource(alice, 'notes');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud2');
    peer.answers({ kind: 'json', status: 201, body: { id: 'theirs', state: 'pending' } });
    const issue = async (role: string) =>
      `Bearer ${(await cloud.json<{ token: string }>('POST', '/admin/tokens', { role, label: role })).token}`;
    bearer = { host: await issue('host'), operator: await issue('operator'), auditor: await issue('auditor') };
  });
  afterEach(() => void vi.restoreAllMocks());
  afterAll(() => Promise.all([cloud?.stop(), peer?.stop()]));

  describe('introspection', () => {
    let share: Outgoing;
    let token: string;

    beforeAll(async () => {
      const wish = { owner: alice, shareWith: `bob@${peer.host}`, name: 'Notes', resourceId: 'notes' };
      share = await cloud.json<Outgoing>('POST', '/api/v1/shares/outgoing', { ...wish, permission: 'read' });
      await eventually('it is offered', async () => (await outgoing(cloud, share.id)).state === 'pending');
      const offers = peer.received('/shares').map(({ body }) => JSON.parse(body));
      token = offers.find(({ shareId }) => shareId === share.shareId).protocol[0].options.access_token;
      await peer.post('/notifications', { type: 'SHARE_ACCEPTED', shareId: share.shareId });
    });

    const ask = (body: unknown, headers: Record<string, string> = {}) =>
      cloud.api('POST', '/api/v1/access/introspect', body, { headers: { ...FORM, ...headers } });
    const refusal = (answer: CallResult) => [answer.status, bodyOf(answer)];

    it('says who holds the token, and what it opens whose', async () => {
      const answer = await ask(`token=${token}`, { authorization: bearer.host });
      expect(answer.status).toBe(200);
      expect(answer.headers['content-type']).toMatch(/^application\/json\b/);
      expect(answer.headers['cache-control']).toBe('no-store');
      expect(answer.json).toEqual({
        active: true,
        sub: `bob@${peer.host}`,
        scope: 'read',
        share_id: share.shareId,
        owner: alice,
        resource_id: 'notes',
      });
    });

    it.each([
      ['a hint', 'token_type_hint=access_token'],
      ['a hint that it cannot know', 'token_type_hint=of_my_own'],
      ['a parameter that it does not know', 'audience=x'],
      ['a parameter without a value', 'audience='],
    ])('takes no notice of %s', async (_, more) => {
      expect((await ask(`${more}&token=${token}`)).json).toMatchObject({ active: true });
      expect((await ask(`token=unknown&${more}`)).json).toEqual({ active: false });
    });

    it.each([
      ['nothing', '', 'token', 'REQUIRED'],
      ['a token that was left empty', 'token=', 'token', 'REQUIRED'],
      ['a bare token', 'abcdef', 'token', 'REQUIRED'],
      ['a name in capitals', 'TOKEN=x', 'token', 'REQUIRED'],
      ['two tokens', 'token=x&token=y', 'token', 'DUPLICATE'],
      ['the same token twice', 'token=x&token=x', 'token', 'DUPLICATE'],
      ['two hints', 'token=x&token_type_hint=a&token_type_hint=b', 'token_type_hint', 'DUPLICATE'],
    ])('of %s is 400', async (_, form, name, message) => {
      const validationErrors = [{ name, message }];
      expect(refusal(await ask(form))).toEqual([400, { message: 'VALIDATION_FAILED', validationErrors }]);
    });

    it('reads forms alone, as they are, up to 64 KiB', async () => {
      const json = { 'content-type': 'application/json' };
      const unsupported = [415, { message: 'UNSUPPORTED_MEDIA_TYPE' }];
      expect(refusal(await ask({ token }, json))).toEqual(unsupported);
      const packed = gzipSync(`token=${token}`).toString('latin1');
      expect(refusal(await ask(packed, { 'content-encoding': 'gzip' }))).toEqual(unsupported);
      expect(refusal(await ask(`token=${'x'.repeat(70_000)}`))).toEqual([413, { message: 'PAYLOAD_TOO_LARGE' }]);
      expect((await ask(`token=${'x'.repeat(60_000)}`)).json).toEqual({ active: false });
      expect((await ask(`token=${token}`, { 'content-type': `${FORM['content-type']};charset=UTF-8` })).json).toEqual(
        expect.objectContaining({ active: true }),
      );
    });

    it.each(['%', '%ff%fe', '%00', '%E2%80%AE', 'null', "' or 1=1 --"])(
      'of the garbage %s is inactive, and not a word more',
      async (garbage) => {
        expect((await ask(`token=${garbage}`)).json).toEqual({ active: false });
      },
    );

    it.each(OUTGOING_STATES.filter((state) => state !== 'accepted'))(
      'of a share that is %s is inactive, even if its hash were still there',
      async (state) => {
        const setState = (to: string) =>
          cloud.rows('update federation.outgoing_share set state = $2 where id = $1', share.id, to);
        await setState(state);
        expect(await introspect(cloud, token)).toEqual({ active: false });
        await setState('accepted');
        expect(await introspect(cloud, token)).toMatchObject({ active: true });
      },
    );

    it.each(['SUSPENDED', 'REVOKED', 'CONFIRMING'])('is inactive while the peer is %s', async (state) => {
      const setState = (to: string) =>
        cloud.rows('update federation.relationship set state = $2 where id = $1', peer.relationship, to);
      await setState(state);
      expect(await introspect(cloud, token)).toEqual({ active: false });
      await setState('TRUSTED');
      expect(await introspect(cloud, token)).toMatchObject({ active: true });
    });

    it('goes by the clock of the database, not by that of this process', async () => {
      const setEnd = (sql: string) =>
        cloud.rows(`update federation.outgoing_share set expires_at = ${sql} where id = $1`, share.id);
      vi.spyOn(cloud.get(Clock), 'now').mockReturnValue(new Date('2099-01-01T00:00:00Z'));
      await setEnd(`now() + interval '1 hour'`);
      const [row] = await cloud.rows<{ exp: string }>(
        'select floor(extract(epoch from expires_at))::text as exp from federation.outgoing_share where id = $1',
        share.id,
      );
      expect(await introspect(cloud, token)).toMatchObject({ active: true, exp: Number(row?.exp) });
      vi.spyOn(cloud.get(Clock), 'now').mockReturnValue(new Date('2001-01-01T00:00:00Z'));
      await setEnd('now()');
      expect(await introspect(cloud, token)).toEqual({ active: false });
      await setEnd('null');
    });

    it('answers anew under a key that was used before', async () => {
      const key = { 'idempotency-key': 'the-same' };
      expect((await ask(`token=${token}`, key)).json).toMatchObject({ active: true, scope: 'read' });
      await cloud.json('PATCH', `/api/v1/shares/outgoing/${share.id}`, { permission: 'read_write' });
      expect((await ask(`token=${token}`, key)).json).toMatchObject({ active: true, scope: 'read_write' });
      expect((await ask('token=another', key)).json).toEqual({ active: false });
    });

    it.each(['operator', 'auditor'] as const)('is not for an %s', async (role) => {
      const answer = await ask(`token=${token}`, { authorization: bearer[role] });
      expect(refusal(answer)).toEqual([403, { message: 'NOT_ALLOWED' }]);
    });

    it('lets nobody ask under the token that is asked about', async () => {
      const answer = await ask(`token=${token}`, { authorization: `Bearer ${token}` });
      expect(refusal(answer)).toEqual([401, { message: 'CLIENT_NOT_AUTHENTICATED' }]);
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    });

    it('has put no token into the log or the trail, whatever was asked', async () => {
      expect(log.filter((line) => line.includes('/api/v1/access/introspect')).length).toBeGreaterThan(20);
      expect(log.filter((line) => line.includes(token))).toEqual([]);
      const trail = await cloud.rows('select * from federation.audit_entry');
      expect(JSON.stringify(trail)).not.toContain(token);
    });
  });

  describe('reading the access of an incoming share', () => {
    async function accepted(): Promise<{ id: string; token: string }> {
      const body = offer(peer, alice);
      const id = String(bodyOf(await peer.post('/shares', body)).id);
      await cloud.api('POST', `/api/v1/shares/incoming/${id}/accept`);
      await eventually('it is confirmed', async () => (await incoming(cloud, id)).confirmed);
      const [protocol] = body.protocol as { options: { access_token: string } }[];
      return { id, token: protocol?.options.access_token ?? '' };
    }
    const read = (id: string, authorization = bearer.host) =>
      cloud.api('GET', `/api/v1/shares/incoming/${id}/access`, undefined, { headers: { authorization } });
    const readingsOf = async (id: string) =>
      (await auditOf(cloud, id)).filter(({ action }) => action === 'share.access-read');

    it('is kept by no cache, and leaves who read it in the trail, without the token', async () => {
      const { id, token } = await accepted();
      const answer = await read(id);
      expect(bodyOf(answer)).toEqual({ protocols: [{ name: 'pf_classic', options: { access_token: token } }] });
      expect(answer.headers['cache-control']).toBe('no-store');
      const [reading, ...others] = await readingsOf(id);
      expect(others).toEqual([]);
      expect(reading).toMatchObject({ actor_kind: 'host', outcome: 'done', peer: peer.relationship });
      expect(JSON.stringify(reading)).not.toContain(token);
      expect(log.filter((line) => line.includes(token))).toEqual([]);
    });

    it('gives nothing away that cannot be put into the trail', async () => {
      const { id, token } = await accepted();
      await cloud.rows(`create function federation.refuse_row() returns trigger language plpgsql as
        $$ begin raise exception 'the trail is full'; end $$`);
      await cloud.rows(`create trigger refuse_reading before insert on federation.audit_entry for each row
        when (new.action = 'share.access-read') execute function federation.refuse_row()`);
      const answer = await read(id);
      await cloud.rows('drop trigger refuse_reading on federation.audit_entry');
      expect(answer.status).toBe(500);
      expect(answer.text).not.toContain(token);
      expect(await readingsOf(id)).toEqual([]);
      expect((await read(id)).status).toBe(200);
    });

    it('is a conflict once it has expired', async () => {
      const { id } = await accepted();
      await cloud.rows('update federation.incoming_share set expires_at = now() where id = $1', id);
      const answer = await read(id);
      expect([answer.status, bodyOf(answer)]).toEqual([409, { message: 'STATE_CONFLICT' }]);
      expect(answer.headers).not.toHaveProperty('retry-after');
      expect(await readingsOf(id)).toEqual([]);
    });

    it.each(['operator', 'auditor'] as const)('is not for an %s, and a refusal is no reading', async (role) => {
      const { id } = await accepted();
      const answer = await read(id, bearer[role]);
      expect([answer.status, bodyOf(answer)]).toEqual([403, { message: 'NOT_ALLOWED' }]);
      expect(await readingsOf(id)).toEqual([]);
    });
  });
});
