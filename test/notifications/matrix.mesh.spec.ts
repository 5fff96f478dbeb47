import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomId } from '../../src/kernel/ids.js';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { auditOf, bodyOf, type Json, offer, randomName } from '../shares/support.js';
import { ScriptedPeer } from '../shares/trusted-peer.js';
import { TestCloud } from '../support/cloud.js';

type Side = 'consumer' | 'provider';
/** What a message makes of a share: a state, `same`, or the code of a refusal. */
type Outcome = string;

const OUTGOING = ['pending-delivery', 'pending', 'accepted', 'declined', 'left', 'withdrawn', 'expired', 'failed'];
const INCOMING = ['pending', 'accepted', 'declined', 'left', 'revoked', 'expired'];

/** Type → sender's side → state of the share → outcome. The whole of section 4's table, and what it leaves open. */
const MATRIX: Record<string, Partial<Record<Side, Record<string, Outcome>>>> = {
  SHARE_ACCEPTED: {
    consumer: {
      'pending-delivery': 'accepted',
      pending: 'accepted',
      failed: 'accepted',
      accepted: 'same',
      declined: 'STATE_CONFLICT',
      left: 'STATE_CONFLICT',
      expired: 'STATE_CONFLICT',
      withdrawn: 'SHARE_WITHDRAWN',
    },
  },
  SHARE_DECLINED: {
    consumer: {
      'pending-delivery': 'declined',
      pending: 'declined',
      accepted: 'declined',
      expired: 'declined',
      failed: 'same',
      declined: 'same',
      left: 'same',
      withdrawn: 'same',
    },
  },
  SHARE_REMOVED: {
    consumer: {
      'pending-delivery': 'left',
      pending: 'left',
      accepted: 'left',
      expired: 'left',
      failed: 'same',
      declined: 'same',
      left: 'same',
      withdrawn: 'same',
    },
  },
  SHARE_UNSHARED: {
    provider: {
      pending: 'revoked',
      accepted: 'revoked',
      expired: 'revoked',
      declined: 'same',
      left: 'same',
      revoked: 'same',
    },
  },
  SHARE_PERMISSION_CHANGED: {
    provider: {
      pending: 'changed',
      accepted: 'changed',
      expired: 'changed',
      declined: 'STATE_CONFLICT',
      left: 'STATE_CONFLICT',
      revoked: 'STATE_CONFLICT',
    },
  },
  SHARE_UPDATED: {
    provider: {
      pending: 'changed',
      accepted: 'changed',
      expired: 'changed',
      declined: 'STATE_CONFLICT',
      left: 'STATE_CONFLICT',
      revoked: 'STATE_CONFLICT',
    },
  },
};

const CASES = Object.entries(MATRIX).flatMap(([type, sides]) =>
  (['consumer', 'provider'] as const).flatMap((side) =>
    (side === 'consumer' ? OUTGOING : INCOMING).map(
      (state) => [type, side, state, sides[side]?.[state] ?? 'NOT_ALLOWED'] as const,
    ),
  ),
);
const STATUS: Record<string, number> = { NOT_ALLOWED: 403, STATE_CONFLICT: 409, SHARE_WITHDRAWN: 409 };

describe('what a notification makes of a share', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let other: ScriptedPeer;
  let bob: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud2', authority });
    bob = await cloud.createAccount('bob');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud1');
    other = await ScriptedPeer.trustedBy(cloud, authority, 'cloud3');
  });
  afterAll(() => Promise.all([cloud?.stop(), peer?.stop(), other?.stop()]));

  /** A share of ours that the peer consumes, in some state. */
  async function outgoingShare(state: string): Promise<{ id: string; shareId: string }> {
    const [id, shareId] = [randomId(), randomId()];
    await cloud.rows(
      `insert into federation.outgoing_share (id, relationship_id, share_id, owner, owner_account, share_with, resource_id,
         name, permission, state, token_hash, expires_at)
       values ($1, $2, $3, $4, 'bob', $5, 'r', 'Notes', 'read', $6, $7, now() + $8::interval)`,
      ...[id, peer.relationship, shareId, bob, `carol@${peer.host}`, state === 'expired' ? 'pending' : state],
      ...[randomId(), state === 'expired' ? '-1 second' : '1 day'],
    );
    return { id, shareId };
  }

  /** A share that the peer provides, in some state. */
  async function incomingShare(state: string): Promise<{ id: string; shareId: string }> {
    const body = offer(peer, bob, { permission: 'read' });
    const { id } = bodyOf(await peer.post('/shares', body));
    if (state === 'expired') {
      await cloud.rows(
        `update federation.incoming_share set expires_at = now() - interval '1 second' where id = $1`,
        id,
      );
    } else {
      await cloud.rows(
        `update federation.incoming_share set state = $2::text, protocols_sealed = case
           when $2::text in ('pending', 'accepted') then protocols_sealed end where id = $1`,
        ...[id, state],
      );
    }
    return { id: String(id), shareId: String(body.shareId) };
  }

  const rowOf = async (side: Side, id: string): Promise<Json> => {
    const table = side === 'consumer' ? 'outgoing_share' : 'incoming_share';
    const [row] = await cloud.rows(`select * from federation.${table} where id = $1`, id);
    return row ?? {};
  };

  it.concurrent.each(CASES)('%s from the %s of a share that is %s: %s', async (type, side, state, outcome) => {
    const share = side === 'consumer' ? await outgoingShare(state) : await incomingShare(state);
    const before = await rowOf(side, share.id);
    const audited = (await auditOf(cloud, share.id)).length;
    const change = { permission: 'admin', name: 'New name', sequence: 1 };
    const answer = await peer.post('/notifications', { type, shareId: share.shareId, ...change });
    const after = await rowOf(side, share.id);
    const news = (await auditOf(cloud, share.id)).slice(audited);

    expect(answer.status).toBe(STATUS[outcome] ?? 201);
    if (STATUS[outcome]) expect(bodyOf(answer)).toEqual({ message: outcome });
    if (outcome === 'same' || STATUS[outcome]) {
      expect(after).toEqual(before);
      expect(news).toEqual([]);
      return;
    }
    expect(news).toHaveLength(1);
    expect(news[0]).toMatchObject({ outcome: 'done', peer: peer.relationship });
    if (outcome === 'changed') {
      expect(after).toMatchObject({
        state: before.state,
        sequence: '1',
        permission: type === 'SHARE_PERMISSION_CHANGED' ? 'admin' : 'read',
        name: type === 'SHARE_UPDATED' ? 'New name' : 'foo',
      });
      return;
    }
    expect(after.state).toBe(outcome);
    if (outcome === 'revoked') expect(after.protocols_sealed).toBeNull();
    if (side === 'consumer' && outcome !== 'accepted') expect(after.token_hash).toBeNull();
    if (outcome === 'accepted') expect(after.token_hash).toBe(before.token_hash);
  });

  describe.each(Object.keys(MATRIX))('%s', (type) => {
    const change = { permission: 'admin', name: 'New name', sequence: 1 };
    const unknown = type === 'SHARE_UNSHARED' ? 201 : 404;

    it('about a share that nobody knows, or that is somebody else’s, says nothing about which', async () => {
      const shares = [await outgoingShare('pending'), await incomingShare('pending')];
      const answers = await Promise.all([
        other.post('/notifications', { type, ...change, shareId: randomName() }),
        ...shares.map(({ shareId }) => other.post('/notifications', { type, ...change, shareId })),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([unknown, unknown, unknown]);
      if (unknown === 404) expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
      expect(await rowOf('consumer', shares[0]?.id ?? '')).toMatchObject({ state: 'pending', permission: 'read' });
      expect(await rowOf('provider', shares[1]?.id ?? '')).toMatchObject({ state: 'pending', permission: 'read' });
    });

    it('that names no share is stored and changes nothing', async () => {
      const share = await outgoingShare('pending');
      const answer = await peer.post('/notifications', { type, ...change, message: 'hello' });
      expect(answer.status).toBe(201);
      expect(bodyOf(await peer.get(String(answer.headers.location)))).toMatchObject({ type, message: 'hello' });
      expect(await rowOf('consumer', share.id)).toMatchObject({ state: 'pending' });
    });
  });

  it('a refused message about a foreign share is audited, and nothing of it is kept', async () => {
    const share = await outgoingShare('accepted');
    const count = () =>
      cloud.rows('select id from federation.received_notification where relationship_id = $1', other.relationship);
    const before = (await count()).length;
    const key = { 'idempotency-key': randomName() };
    const answer = await other.post('/notifications', { type: 'SHARE_REMOVED', shareId: share.shareId }, key);
    expect(answer.status).toBe(404);
    expect(await count()).toHaveLength(before);
    const [row] = await cloud.rows(
      `select * from federation.audit_entry where outcome = 'refused' and peer = $1
         and details ->> 'code' = 'RESOURCE_NOT_FOUND' order by at desc limit 1`,
      other.relationship,
    );
    expect(row).toMatchObject({ action: 'notification.received', object: `service:${other.relationship}` });
  });
});
