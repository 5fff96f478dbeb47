import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditOf, deliverNow, incoming, type Outgoing, outgoing, whileHolding } from '../shares/support.js';
import { TwoClouds } from '../shares/two-clouds.js';
import { eventually } from '../support/cloud.js';

describe('two clouds that act on one share at once', () => {
  let clouds: TwoClouds;
  beforeAll(async () => {
    clouds = await TwoClouds.start();
  });
  afterAll(() => clouds?.stop());

  const states = async (id: string, mirror: string) => [
    (await outgoing(clouds.one, id)).state,
    (await incoming(clouds.two, mirror)).state,
  ];

  it('a withdrawal and an acceptance that cross end the share on both sides', async () => {
    const pairs = await Promise.all(Array.from({ length: 6 }, () => clouds.pending()));
    await Promise.all(
      pairs.flatMap(({ share, mirror }) => [clouds.withdraw(share.id), clouds.act(mirror.id, 'accept')]),
    );
    await clouds.drain();
    for (const { share, mirror } of pairs) {
      expect(await states(share.id, mirror.id)).toEqual(['withdrawn', 'revoked']);
      expect((await incoming(clouds.two, mirror.id)).confirmed).toBe(false);
    }
  });

  it('an acceptance made while the owner’s cloud is down, withdrawn before it hears of it, ends too', async () => {
    const { share, mirror } = await clouds.pending();
    // The withdrawal is held back: the acceptance arrives first.
    await clouds.one.rows(
      `update federation.relationship set endpoint = 'https://cloud2.localhost:1' where state = 'TRUSTED'`,
    );
    await clouds.withdraw(share.id);
    await clouds.act(mirror.id, 'accept');
    await eventually('it has ended', async () => (await incoming(clouds.two, mirror.id)).state === 'revoked');
    expect((await incoming(clouds.two, mirror.id)).reason).toBe('SHARE_WITHDRAWN');
    await clouds.one.rows(`update federation.relationship set endpoint = origin where state = 'TRUSTED'`);
    await clouds.drain();
    expect(await states(share.id, mirror.id)).toEqual(['withdrawn', 'revoked']);
  });

  it('a withdrawal and a leave that cross end the share, each side by its own word', async () => {
    const { share, mirror } = await clouds.accepted();
    await Promise.all([clouds.withdraw(share.id), clouds.leave(mirror.id)]);
    await clouds.drain();
    const [ours, theirs] = await states(share.id, mirror.id);
    expect(['withdrawn', 'left']).toContain(ours);
    expect(['revoked', 'left']).toContain(theirs);
  });

  it('a change and a decline that cross leave nothing behind', async () => {
    const { share, mirror } = await clouds.pending();
    await Promise.all([clouds.change(share.id, { permission: 'admin' }), clouds.act(mirror.id, 'decline')]);
    await clouds.drain();
    expect(await states(share.id, mirror.id)).toEqual(['declined', 'declined']);
  });

  it('a 201 that comes after the withdrawal never brings the share back', async () => {
    let held: Outgoing | undefined;
    // Whatever the other cloud writes for us waits: our offer hangs there.
    await whileHolding(clouds.two, 'select id from federation.relationship for update', 'rollback', async () => {
      const { id } = await clouds.create();
      held = await eventually('the offer is under way', async () => {
        const share = await outgoing(clouds.one, id);
        return share.delivery?.attempts === 1 && share;
      });
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect((await clouds.withdraw(id)).status).toBe(204);
    });
    if (!held) throw new Error('nothing was offered');
    const share = held;
    await clouds.drain();
    expect((await outgoing(clouds.one, share.id)).state).toBe('withdrawn');
    await eventually('nothing of it lives there', async () => {
      const mirror = await clouds.received(share);
      return mirror === undefined || mirror.state === 'revoked';
    });
    expect((await auditOf(clouds.one, share.id)).map(({ action }) => action)).toEqual([
      'share.created',
      'share.withdrawn',
    ]);
  });

  it('the recipient’s cloud being down is no error: everything arrives in its order when it is back', async () => {
    await clouds.two.down();
    const share = await clouds.create();
    expect(share.state).toBe('pending-delivery');
    await clouds.change(share.id, { permission: 'admin' });
    await clouds.change(share.id, { name: 'Renamed', permission: 'read_write' });
    const gone = await clouds.create();
    await clouds.withdraw(gone.id);
    await eventually('tried', async () => (await outgoing(clouds.one, share.id)).delivery?.reason !== null);
    expect((await outgoing(clouds.one, share.id)).state).toBe('pending-delivery');
    await clouds.two.up();
    await clouds.drain();
    const mirror = await clouds.received(share);
    expect(mirror).toMatchObject({ state: 'pending', permission: 'read_write', name: 'Renamed' });
    expect(await clouds.received(gone)).toBeUndefined();
    expect((await outgoing(clouds.one, share.id)).state).toBe('pending');
  });

  it('the owner’s cloud going down loses nothing of what it had promised', async () => {
    await clouds.two.down();
    const share = await clouds.create();
    await clouds.one.down();
    await clouds.two.up();
    await clouds.one.up();
    await clouds.drain();
    const mirror = await clouds.received(share);
    expect(mirror?.state).toBe('pending');
    await clouds.one.down();
    await clouds.act(mirror?.id ?? '', 'accept');
    expect((await incoming(clouds.two, mirror?.id ?? '')).confirmed).toBe(false);
    await clouds.one.up();
    await deliverNow(clouds.two);
    await clouds.drain();
    expect(await states(share.id, mirror?.id ?? '')).toEqual(['accepted', 'accepted']);
    expect((await incoming(clouds.two, mirror?.id ?? '')).confirmed).toBe(true);
  });

  it('an event costs no more than two messages', async () => {
    const count = async () =>
      (
        await Promise.all(
          [clouds.one, clouds.two].map((cloud) =>
            cloud.rows(`select id from federation.delivery where kind like 'share%'`),
          ),
        )
      ).flat().length;
    const before = await count();
    const { share, mirror } = await clouds.accepted();
    await clouds.change(share.id, { permission: 'admin' });
    await clouds.leave(mirror.id);
    await clouds.drain();
    expect((await count()) - before).toBe(4);
  });
});
