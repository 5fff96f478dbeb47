import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomId } from '../../src/kernel/ids.js';
import type { Settlement } from '../../src/outbox/delivery-handler.js';
import { Transactions } from '../../src/persistence/transactions.js';
import { ConfirmAcceptance } from '../../src/shares/incoming/confirm-acceptance.js';
import { DeliverOffer } from '../../src/shares/outgoing/deliver-offer.js';
import {
  decide,
  INCOMING_EVENTS,
  INCOMING_LIFE,
  INCOMING_PRESENT,
  type IncomingEvent,
  type IncomingPresent,
  OUTGOING_EVENTS,
  OUTGOING_LIFE,
  OUTGOING_PRESENT,
  type OutgoingEvent,
  type OutgoingPresent,
} from '../../src/shares/share-life.js';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { TestCloud } from '../support/cloud.js';
import { auditOf, bodyOf, type Json, randomName } from './support.js';
import { ScriptedPeer } from './trusted-peer.js';

/** Every cell of the table; what has expired in each of the states that it may have had before. */
function cellsOf<Event extends string, State extends string>(
  events: readonly Event[],
  states: readonly (State | 'expired')[],
  live: readonly State[],
): (readonly [Event, State | 'expired', State | 'expired'])[] {
  const given = states.flatMap((state) =>
    state === 'expired' ? live.map((beneath) => [state, beneath] as const) : [[state, state] as const],
  );
  return events.flatMap((event) => given.map(([present, stored]) => [event, present, stored] as const));
}

const OUTGOING_CELLS = cellsOf<OutgoingEvent, OutgoingPresent>(OUTGOING_EVENTS, OUTGOING_PRESENT, [
  'pending-delivery',
  'pending',
  'accepted',
]);
const INCOMING_CELLS = cellsOf<IncomingEvent, IncomingPresent>(INCOMING_EVENTS, INCOMING_PRESENT, [
  'pending',
  'accepted',
]);

interface Share {
  readonly id: string;
  readonly shareId: string;
  readonly providerId: string;
}

interface Outcome {
  /** Of the call, if there was one. */
  readonly status?: number;
  readonly code?: string;
}

describe('what the table says of a share is what becomes of it', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let leaving: ScriptedPeer;
  let bob: { readonly id: string; readonly username: string };

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud2', authority });
    const username = await cloud.createAccount('bob');
    const { items } = await cloud.json<{ items: { id: string }[] }>('GET', '/api/v1/accounts');
    bob = { id: items[0]?.id ?? '', username };
    cloud.makeResource(username, 'r');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud1');
    leaving = await ScriptedPeer.trustedBy(cloud, authority, 'cloud3');
    for (const one of [peer, leaving]) one.answers({ kind: 'json', status: 201, body: { state: 'pending' } });
  });
  afterAll(() => Promise.all([cloud?.stop(), peer?.stop(), leaving?.stop()]));

  const END = { past: '-1 minute', future: '1 day' } as const;

  /** That its time is over was told already: otherwise that may be in the trail too, whenever somebody looks. */
  async function outgoingShare(present: OutgoingPresent, stored: OutgoingPresent, at = peer): Promise<Share> {
    const share = { id: randomId(), shareId: randomId(), providerId: 'r' };
    const end = present === 'expired' ? END.past : END.future;
    await cloud.rows(
      `insert into federation.outgoing_share (id, relationship_id, share_id, owner, owner_account, share_with, resource_id,
         name, permission, state, token_hash, expires_at, resent_as, expiry_told)
       values ($1, $2, $3, $4, $5, $6, 'r', 'Notes', 'read', $7, $8, now() + $9::interval, $10, true)`,
      ...[share.id, at.relationship, share.shareId, bob.username, bob.id, `carol@${at.host}`],
      ...[stored === 'resent' ? 'failed' : stored, randomId(), end, stored === 'resent' ? 'another' : null],
    );
    return share;
  }

  async function incomingShare(
    present: IncomingPresent,
    stored: IncomingPresent,
    { isPlain = false, at = peer } = {},
  ): Promise<Share> {
    const share = { id: randomId(), shareId: randomId(), providerId: randomName() };
    await cloud.rows(
      `insert into federation.incoming_share (id, relationship_id, share_id, provider_id, owner, share_with,
         recipient_account, name, permission, state, protocol_names, offer_digest, expires_at, expiry_told)
       values ($1, $2, $3, $4, $5, $6, $7, 'Notes', 'read', $8, '["webdav"]', '', now() + $9::interval, true)`,
      ...[share.id, at.relationship, isPlain ? null : share.shareId, share.providerId, `alice@${at.host}`],
      ...[
        bob.username,
        bob.id,
        stored === 'replaced' ? 'expired' : stored,
        END[present === 'expired' ? 'past' : 'future'],
      ],
    );
    return share;
  }

  async function rowOf(table: 'outgoing_share' | 'incoming_share', id: string): Promise<Json> {
    const [row] = await cloud.rows<Json>(`select * from federation.${table} where id = $1`, id);
    return row ?? {};
  }

  async function api(method: string, path: string, body?: Json): Promise<Outcome> {
    const answer = await cloud.api(method, path, body);
    return { status: answer.status, code: answer.status >= 400 ? String(bodyOf(answer).message) : undefined };
  }

  async function say(type: string, { shareId }: Share): Promise<Outcome> {
    const answer = await peer.post('/notifications', { type, shareId, name: 'Other notes', sequence: 7 });
    return { status: answer.status, code: answer.status >= 400 ? String(bodyOf(answer).message) : undefined };
  }

  function settle(share: Share, settlement: Settlement): Promise<Outcome> {
    return cloud.get(Transactions).run(async () => {
      const meaning = { share: share.id } as Parameters<DeliverOffer['settled']>[0]['meaning'];
      await cloud.get(DeliverOffer).settled({ id: '', peer: peer.relationship, meaning, attempt: 1 }, settlement);
      return {};
    });
  }

  function hear(share: Share, settlement: Settlement): Promise<Outcome> {
    return cloud.get(Transactions).run(async () => {
      await cloud.get(ConfirmAcceptance).execute(share.id, settlement);
      return {};
    });
  }

  const answered = (state: string): Settlement =>
    ({ kind: 'delivered', answer: { status: 201, headers: {}, body: { state } } }) as Settlement;

  const OUTGOING_CAUSES: Record<Exclude<OutgoingEvent, 'trust-ended'>, (share: Share) => Promise<Outcome>> = {
    delivered: (share) => settle(share, answered('pending')),
    'delivered-accepted': (share) => settle(share, answered('accepted')),
    refused: (share) => settle(share, { kind: 'refused', code: 'SHARE_CONFLICT' } as Settlement),
    'timed-out': (share) => settle(share, { kind: 'expired', reason: 'timeout' }),
    accepted: (share) => say('SHARE_ACCEPTED', share),
    declined: (share) => say('SHARE_DECLINED', share),
    left: (share) => say('SHARE_REMOVED', share),
    changed: ({ id }) => api('PATCH', `/api/v1/shares/outgoing/${id}`, { name: 'Other notes' }),
    prolonged: ({ id }) => api('PATCH', `/api/v1/shares/outgoing/${id}`, { expiresAt: '2099-01-01T00:00:00Z' }),
    withdrawn: ({ id }) => api('DELETE', `/api/v1/shares/outgoing/${id}`),
    resent: async (share) => {
      // Its own end does not matter here; an offer that is over already could not be made.
      await cloud.rows(
        'update federation.outgoing_share set expires_at = null where id = $1 and state = $2',
        share.id,
        'failed',
      );
      return api('POST', `/api/v1/shares/outgoing/${share.id}/resend`);
    },
  };

  const INCOMING_CAUSES: Record<Exclude<IncomingEvent, 'trust-ended'>, (share: Share) => Promise<Outcome>> = {
    accepted: ({ id }) => api('POST', `/api/v1/shares/incoming/${id}/accept`),
    declined: ({ id }) => api('POST', `/api/v1/shares/incoming/${id}/decline`),
    left: ({ id }) => api('DELETE', `/api/v1/shares/incoming/${id}`),
    confirmed: (share) => hear(share, { kind: 'delivered' }),
    denied: (share) => hear(share, { kind: 'refused', code: 'SHARE_WITHDRAWN' } as Settlement),
    unheard: (share) => hear(share, { kind: 'refused', code: 'STATE_CONFLICT' } as Settlement),
    changed: (share) => say('SHARE_UPDATED', share),
    unshared: (share) => say('SHARE_UNSHARED', share),
    'offered-anew': async ({ providerId }) => {
      const protocol = { name: 'webdav', options: { access_token: 't', permissions: 1 } };
      const offer = { owner: 'alice', shareWith: bob.username, name: 'Anew', providerId, protocol };
      const { status, json } = await peer.post('/shares', offer);
      return { status, code: status >= 400 ? String((json as Json).message) : undefined };
    },
  };

  const OURS = OUTGOING_CELLS.filter(([event]) => event !== 'trust-ended');
  it.concurrent.each(OURS)('outgoing: %s while it is %s (%s)', async (event, present, stored) => {
    const share = await outgoingShare(present, stored);
    const before = await rowOf('outgoing_share', share.id);
    const outcome = await OUTGOING_CAUSES[event as keyof typeof OUTGOING_CAUSES](share);
    const after = await rowOf('outgoing_share', share.id);
    const news = await auditOf(cloud, share.id);
    const decision = decide(OUTGOING_LIFE, event, present, stored);
    if (decision === 'refuse' || decision === 'refuse-withdrawn') {
      const code = decision === 'refuse' ? 'STATE_CONFLICT' : 'SHARE_WITHDRAWN';
      expect(outcome).toEqual({ status: 409, code });
    } else expect([undefined, 200, 201, 204]).toContain(outcome.status);
    if (decision === 'nothing' || decision.startsWith('refuse')) {
      expect({ ...after, expires_at: before.expires_at }).toEqual(before);
      expect(news).toEqual([]);
      return;
    }
    expect(news).toHaveLength(1);
    const state = decision === 'stays' ? stored : decision;
    expect(after.state).toBe(state === 'resent' ? 'failed' : state);
    if (state === 'resent') expect(after.resent_as).toMatch(/^[\w-]{20,}$/);
    const isOpen = ['pending-delivery', 'pending', 'accepted', 'failed'].includes(String(after.state));
    expect(after.token_hash).toBe(isOpen && event !== 'resent' ? before.token_hash : null);
  });

  const THEIRS = INCOMING_CELLS.filter(([event]) => event !== 'trust-ended');
  it.concurrent.each(THEIRS)('incoming: %s while it is %s (%s)', async (event, present, stored) => {
    const share = await incomingShare(present, stored, { isPlain: event === 'offered-anew' });
    const before = await rowOf('incoming_share', share.id);
    const outcome = await INCOMING_CAUSES[event as keyof typeof INCOMING_CAUSES](share);
    const after = await rowOf('incoming_share', share.id);
    // What the peer answers to our own message is another event, and may be here already.
    const news = (await auditOf(cloud, share.id)).filter(
      ({ action }) => event === 'confirmed' || action !== 'share.confirmed',
    );
    const decision = decide(INCOMING_LIFE, event, present, stored);
    if (decision === 'refuse' || decision === 'refuse-conflict') {
      expect(outcome).toEqual({ status: 409, code: decision === 'refuse' ? 'STATE_CONFLICT' : 'SHARE_CONFLICT' });
    } else expect([undefined, 200, 201, 204]).toContain(outcome.status);
    if (decision === 'nothing' || decision.startsWith('refuse')) {
      expect(after).toEqual(before);
      expect(news).toEqual([]);
      return;
    }
    expect(news).toHaveLength(1);
    const state = decision === 'stays' ? stored : decision;
    expect(after.state).toBe(state === 'replaced' ? 'expired' : state);
    if (event !== 'accepted') expect(after.confirmed).toBe(event === 'confirmed');
    if (!['pending', 'accepted'].includes(String(after.state))) expect(after.protocols_sealed).toBeNull();
  });

  it('trust-ended, whatever state it is in', async () => {
    const ended = <Cell extends readonly [string, ...unknown[]]>([event]: Cell) => event === 'trust-ended';
    const ours = await Promise.all(
      OUTGOING_CELLS.filter(ended).map(async ([, present, stored]) => {
        const { id } = await outgoingShare(present, stored, leaving);
        return { id, present, decision: decide(OUTGOING_LIFE, 'trust-ended', present, stored), stored };
      }),
    );
    const theirs = await Promise.all(
      INCOMING_CELLS.filter(ended).map(async ([, present, stored]) => {
        const { id } = await incomingShare(present, stored, { at: leaving });
        return { id, present, decision: decide(INCOMING_LIFE, 'trust-ended', present, stored), stored };
      }),
    );
    expect((await cloud.api('DELETE', `/admin/services/${leaving.relationship}`)).status).toBe(204);
    const inRow = (state: string) => ({ resent: 'failed', replaced: 'expired' })[state] ?? state;
    for (const { id, decision, stored } of ours) {
      const row = await rowOf('outgoing_share', id);
      expect(row).toMatchObject({ state: inRow(decision === 'nothing' ? stored : decision), token_hash: null });
    }
    for (const { id, decision, stored } of theirs) {
      const row = await rowOf('incoming_share', id);
      expect(row).toMatchObject({ state: inRow(decision === 'nothing' ? stored : decision), protocols_sealed: null });
    }
  });
});
