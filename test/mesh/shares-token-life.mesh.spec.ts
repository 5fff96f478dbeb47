import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Transactions } from '../../src/persistence/transactions.js';
import { DeliverOffer } from '../../src/shares/outgoing/deliver-offer.js';
import { bodyOf, deliverNow, everyText, incoming, introspect, outgoing } from '../shares/support.js';
import { TwoClouds } from '../shares/two-clouds.js';
import { establishTrust, eventually, serviceOf, type TestCloud } from '../support/cloud.js';

/** Where a secret, in the clear or in any of its usual spellings, lies in a database. */
async function placesOf(cloud: TestCloud, secret: string): Promise<string[]> {
  const bytes = Buffer.from(secret, 'base64url');
  const spellings = [
    secret,
    Buffer.from(secret).toString('base64').replace(/=+$/, ''),
    Buffer.from(secret).toString('base64url'),
    Buffer.from(secret).toString('hex'),
    bytes.toString('hex'),
    bytes.toString('base64').replace(/=+$/, ''),
  ];
  const texts = await everyText(cloud);
  expect(texts.length).toBeGreaterThan(20);
  return texts.filter(({ content }) => spellings.some((text) => content.includes(text))).map(({ place }) => place);
}

describe('the token of a share', () => {
  let clouds: TwoClouds;
  beforeAll(async () => {
    clouds = await TwoClouds.start();
  });
  afterAll(() => clouds?.stop());

  const sealedOffers = async () =>
    (await clouds.one.rows(`select id from federation.delivery where sealed is not null and kind = 'share-offer'`))
      .length;
  const hashOf = async (id: string) =>
    (
      await clouds.one.rows<{ token_hash: string | null }>(
        'select token_hash from federation.outgoing_share where id = $1',
        id,
      )
    )[0]?.token_hash;

  it('has 256 random bits, another for every share', async () => {
    const tokens = await Promise.all(Array.from({ length: 4 }, async () => (await clouds.accepted()).token));
    for (const token of tokens) expect(Buffer.from(token, 'base64url')).toHaveLength(32);
    expect(new Set(tokens).size).toBe(4);
  });

  it('lies sealed at the provider until it is delivered, then only as a hash; sealed at the consumer until the end', async () => {
    const { one, two } = clouds;
    await two.down();
    const share = await clouds.create();
    await eventually('it was tried', async () => {
      const [row] = await one.rows<{ attempts: number }>(
        `select attempts from federation.delivery where state = 'waiting' and kind = 'share-offer'`,
      );
      return row && row.attempts > 0;
    });
    expect(await sealedOffers()).toBe(1);
    const waiting = await everyText(one);
    await two.up();
    await deliverNow(one);
    await clouds.settled(share.id, 'pending');
    expect(await sealedOffers()).toBe(0);
    const mirror = await clouds.received(share);
    const id = mirror?.id ?? '';
    await clouds.act(id, 'accept');
    await eventually('confirmed', async () => (await incoming(two, id)).confirmed);
    const token = await clouds.token(id);
    expect(waiting.filter(({ content }) => content.includes(token))).toEqual([]);
    expect(await placesOf(one, token)).toEqual([]);
    expect(await placesOf(two, token)).toEqual([]);
    expect(await hashOf(share.id)).toMatch(/^[\w-]{43}$/);
    const [row] = await two.rows<{ protocols_sealed: string }>(
      'select protocols_sealed from federation.incoming_share where id = $1',
      id,
    );
    expect(row?.protocols_sealed).toMatch(/^s1\./);
    await clouds.leave(id);
    expect(await two.rows('select protocols_sealed from federation.incoming_share where id = $1', id)).toEqual([
      { protocols_sealed: null },
    ]);
  });

  it('is worth nothing until the share is accepted', async () => {
    const { share, mirror } = await clouds.pending();
    // What the recipient's cloud could do with it, had it opened the seal before its user said yes.
    await clouds.two.rows(
      `update federation.incoming_share set state = 'accepted', confirmed = true where id = $1`,
      mirror.id,
    );
    const token = await clouds.token(mirror.id);
    expect(await introspect(clouds.one, token)).toEqual({ active: false });
    await clouds.two.rows(
      `update federation.incoming_share set state = 'pending', confirmed = false where id = $1`,
      mirror.id,
    );
    await clouds.act(mirror.id, 'accept');
    await clouds.settled(share.id, 'accepted');
    expect(await introspect(clouds.one, token)).toMatchObject({ active: true, scope: 'read', sub: clouds.bob });
  });

  it('is dead at once when its owner withdraws, even while the other cloud is down', async () => {
    const { share, mirror, token } = await clouds.accepted();
    await clouds.two.down();
    expect((await clouds.withdraw(share.id)).status).toBe(204);
    expect(await introspect(clouds.one, token)).toEqual({ active: false });
    expect(await hashOf(share.id)).toBeNull();
    await clouds.two.up();
    await deliverNow(clouds.one);
    await eventually('it is revoked', async () => (await incoming(clouds.two, mirror.id)).state === 'revoked');
    expect(bodyOf(await clouds.two.api('GET', `/api/v1/shares/incoming/${mirror.id}/access`)).message).toBe(
      'STATE_CONFLICT',
    );
  });

  it('is dead as soon as the provider hears that the recipient left', async () => {
    const { share, mirror, token } = await clouds.accepted();
    await clouds.leave(mirror.id);
    await clouds.settled(share.id, 'left');
    expect(await introspect(clouds.one, token)).toEqual({ active: false });
    expect(await hashOf(share.id)).toBeNull();
  });

  it('never lives if the recipient declines', async () => {
    const { share, mirror } = await clouds.pending();
    await clouds.act(mirror.id, 'decline');
    await clouds.settled(share.id, 'declined');
    expect(await hashOf(share.id)).toBeNull();
  });

  it('works after an acceptance although the offer was refused: an answer proves delivery', async () => {
    const { one, two } = clouds;
    const { share, mirror } = await clouds.pending();
    // What a gateway makes of an answer that was a yes.
    await one.rows(`update federation.outgoing_share set state = 'pending-delivery' where id = $1`, share.id);
    const meaning = { share: share.id } as Parameters<DeliverOffer['settled']>[0]['meaning'];
    await one
      .get(Transactions)
      .run(() =>
        one.get(DeliverOffer).settled({ id: '', peer: '', meaning, attempt: 1 }, { kind: 'refused', code: 'HTTP_405' }),
      );
    expect(await outgoing(one, share.id)).toMatchObject({ state: 'failed', reason: 'HTTP_405' });
    await two.rows(
      `update federation.incoming_share set state = 'accepted', confirmed = true where id = $1`,
      mirror.id,
    );
    const token = await clouds.token(mirror.id);
    expect(await introspect(one, token)).toEqual({ active: false });
    await two.rows(
      `update federation.incoming_share set state = 'pending', confirmed = false where id = $1`,
      mirror.id,
    );
    await clouds.act(mirror.id, 'accept');
    await clouds.settled(share.id, 'accepted');
    expect(await introspect(one, token)).toMatchObject({ active: true, share_id: share.shareId });
  });

  it('sleeps while the share has expired, and wakes with a later end', async () => {
    const { share, token } = await clouds.accepted();
    await clouds.change(share.id, { expiresAt: new Date(Date.now() + 60_000).toISOString() });
    await clouds.one.rows(`update federation.outgoing_share set expires_at = now() where id = $1`, share.id);
    expect(await introspect(clouds.one, token)).toEqual({ active: false });
    expect((await clouds.change(share.id, { expiresAt: null })).status).toBe(200);
    expect(await introspect(clouds.one, token)).toMatchObject({ active: true });
  });

  it('is dead at once when trust is revoked, on both sides, and stays so when trust is given anew', async () => {
    const { one, two } = clouds;
    const { share, mirror, token } = await clouds.accepted();
    const service = await serviceOf(one, two.origin);
    expect((await one.api('DELETE', `/admin/services/${service?.id}`)).status).toBe(204);
    expect(await introspect(one, token)).toEqual({ active: false });
    expect(await hashOf(share.id)).toBeNull();
    await eventually('the other cloud ends it', async () => (await incoming(two, mirror.id)).state === 'revoked');
    expect(await two.rows('select id from federation.incoming_share where protocols_sealed is not null')).toEqual([]);
    expect(await one.rows('select id from federation.outgoing_share where token_hash is not null')).toEqual([]);
    expect((await incoming(two, mirror.id)).reason).toBe('TRUST_ENDED');
    for (const answer of [await clouds.act(mirror.id, 'accept'), await clouds.change(share.id, { name: 'x' })]) {
      expect([answer.status, bodyOf(answer).message]).toEqual([409, 'STATE_CONFLICT']);
    }
    expect((await clouds.leave(mirror.id)).status).toBe(409);
    await establishTrust(one, two);
    expect(await introspect(one, token)).toEqual({ active: false });
    const late = await clouds.accepted();
    expect(await introspect(one, late.token)).toMatchObject({ active: true });
    expect((await incoming(two, mirror.id)).state).toBe('revoked');
  });
});
