import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ShareClock } from '../../src/shares/share-state.js';
import { TellExpiry } from '../../src/shares/tell-expiry.js';
import { eventually, type TestCloud } from '../support/cloud.js';
import { auditOf, bodyOf, incoming, introspect, listenTo, type Outgoing, outgoing } from './support.js';
import { TwoClouds } from './two-clouds.js';

const MINUTE = 60_000;
const soon = (ms: number) => new Date(Date.now() + ms).toISOString();

describe('a share that ends by itself', () => {
  let clouds: TwoClouds;
  beforeAll(async () => {
    clouds = await TwoClouds.start();
  });
  afterAll(() => clouds?.stop());
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** Ends the share on both sides, as time does. */
  async function letItEnd({ id, shareId }: Outgoing, when = '-1 second'): Promise<void> {
    const sql = (table: string, key: string) =>
      `update federation.${table} set expires_at = now() + interval '${when}' where ${key} = $1`;
    await clouds.one.rows(sql('outgoing_share', 'id'), id);
    await clouds.two.rows(sql('incoming_share', 'share_id'), shareId);
  }

  /** A cloud whose clock is wrong by so many milliseconds. */
  function wrongBy(cloud: TestCloud, ms: number) {
    const clock = cloud.get(ShareClock);
    const right = clock.present.bind(clock);
    const wrong = async () => new Date((await right()).getTime() + ms);
    vi.spyOn(clock, 'now').mockImplementation(wrong);
    vi.spyOn(clock, 'present').mockImplementation(wrong);
  }

  const told = (cloud: TestCloud) => cloud.get(TellExpiry).execute();

  it('has ended on both sides when its time is over, without a message or a call', async () => {
    const { share, mirror, token } = await clouds.accepted({ expiresAt: soon(2_500) });
    expect(await introspect(clouds.one, token)).toMatchObject({ active: true });
    const deliveries = () => clouds.one.rows(`select id from federation.delivery where kind like 'share%'`);
    const before = await deliveries();
    await eventually('its token is worth nothing', async () => !(await introspect(clouds.one, token)).active);
    expect((await outgoing(clouds.one, share.id)).state).toBe('expired');
    expect((await incoming(clouds.two, mirror.id)).state).toBe('expired');
    const access = await clouds.two.api('GET', `/api/v1/shares/incoming/${mirror.id}/access`);
    expect([access.status, bodyOf(access).message]).toEqual([409, 'STATE_CONFLICT']);
    expect(await deliveries()).toEqual(before);
    const rows = await clouds.two.rows<{ state: string }>(
      'select state from federation.incoming_share where id = $1',
      mirror.id,
    );
    expect(rows).toEqual([{ state: 'accepted' }]);
  });

  it('is told to both people once, whoever looks how often, and written into both trails', async () => {
    const { share, mirror } = await clouds.accepted({ expiresAt: soon(MINUTE) });
    const [alice, bob] = [listenTo(clouds.one), listenTo(clouds.two)];
    await letItEnd(share);
    await Promise.all([told(clouds.one), told(clouds.one), told(clouds.two), told(clouds.two)]);
    await told(clouds.one);
    const ended = (events: typeof alice, id: string) =>
      events.filter(({ type, share: about }) => type === 'share-expired' && about === id);
    await eventually('both are told', async () => ended(alice, share.id).length * ended(bob, mirror.id).length > 0);
    expect(ended(alice, share.id)).toMatchObject([{ name: 'Notes', counterpart: clouds.bob }]);
    expect(ended(bob, mirror.id)).toMatchObject([{ name: 'Notes', counterpart: clouds.alice }]);
    for (const [cloud, id] of [
      [clouds.one, share.id],
      [clouds.two, mirror.id],
    ] as const) {
      const rows = (await auditOf(cloud, id)).filter(({ action }) => action === 'share.expired');
      expect(rows).toHaveLength(1);
    }
  });

  it('comes back on both sides with a later end, its token too, and its next end is told again', async () => {
    const { share, mirror, token } = await clouds.accepted({ expiresAt: soon(MINUTE) });
    await letItEnd(share);
    await Promise.all([told(clouds.one), told(clouds.two)]);
    expect(await introspect(clouds.one, token)).toEqual({ active: false });
    const prolonged = await clouds.change(share.id, { expiresAt: soon(60 * MINUTE) });
    expect([prolonged.status, bodyOf(prolonged).state]).toEqual([200, 'accepted']);
    expect(await introspect(clouds.one, token)).toMatchObject({ active: true });
    await eventually('it is back at bob’s', async () => (await incoming(clouds.two, mirror.id)).state === 'accepted');
    expect(await clouds.token(mirror.id)).toBe(token);
    await letItEnd(share);
    await Promise.all([told(clouds.one), told(clouds.two)]);
    const ends = (await auditOf(clouds.two, mirror.id)).filter(({ action }) => action === 'share.expired');
    expect(ends).toHaveLength(2);
  });

  it('is not told again because of a change that leaves its end alone', async () => {
    const { mirror, share } = await clouds.accepted({ expiresAt: soon(60 * MINUTE) });
    await clouds.two.rows(
      `update federation.incoming_share set expires_at = now() - interval '1 second' where id = $1`,
      mirror.id,
    );
    await told(clouds.two);
    expect((await clouds.change(share.id, { name: 'Renamed' })).status).toBe(200);
    await eventually('bob’s is renamed', async () => (await incoming(clouds.two, mirror.id)).name === 'Renamed');
    await told(clouds.two);
    const ends = (await auditOf(clouds.two, mirror.id)).filter(({ action }) => action === 'share.expired');
    expect(ends).toHaveLength(1);
  });

  it('while it waits for an answer comes back as what waits', async () => {
    const { share, mirror } = await clouds.pending({ expiresAt: soon(MINUTE) });
    await letItEnd(share);
    expect((await clouds.act(mirror.id, 'accept')).status).toBe(409);
    await clouds.change(share.id, { expiresAt: null });
    await eventually('it waits again', async () => (await incoming(clouds.two, mirror.id)).state === 'pending');
    expect((await clouds.act(mirror.id, 'accept')).status).toBe(200);
    await clouds.settled(share.id, 'accepted');
  });

  it('can be declined and withdrawn after its end, and then no later end brings it back', async () => {
    const first = await clouds.pending({ expiresAt: soon(MINUTE) });
    const second = await clouds.accepted({ expiresAt: soon(MINUTE) });
    await letItEnd(first.share);
    await letItEnd(second.share);
    expect((await clouds.act(first.mirror.id, 'decline')).status).toBe(200);
    await clouds.settled(first.share.id, 'declined');
    expect((await clouds.withdraw(second.share.id)).status).toBe(204);
    await eventually('bob’s has ended', async () => (await incoming(clouds.two, second.mirror.id)).state === 'revoked');
    for (const { share } of [first, second]) {
      expect((await clouds.change(share.id, { expiresAt: soon(MINUTE) })).status).toBe(409);
    }
  });

  it('ends at bob’s too early if his clock is ahead; nothing is lost by it', async () => {
    const { share, mirror } = await clouds.pending({ expiresAt: soon(5 * MINUTE) });
    wrongBy(clouds.two, 10 * MINUTE);
    expect((await incoming(clouds.two, mirror.id)).state).toBe('expired');
    const items = await clouds.two.json<{ items: { id: string }[] }>('GET', '/api/v1/shares/incoming?state=expired');
    expect(items.items.map(({ id }) => id)).toContain(mirror.id);
    expect((await clouds.act(mirror.id, 'accept')).status).toBe(409);
    expect((await outgoing(clouds.one, share.id)).state).toBe('pending');
    vi.restoreAllMocks();
    expect((await clouds.act(mirror.id, 'accept')).status).toBe(200);
    await clouds.settled(share.id, 'accepted');
  });

  it('is decided by the clock of its owner’s cloud if bob’s is behind: his yes waits for him again', async () => {
    const { share, mirror } = await clouds.pending({ expiresAt: soon(MINUTE) });
    await letItEnd(share, '-1 minute');
    wrongBy(clouds.two, -10 * MINUTE);
    expect((await clouds.act(mirror.id, 'accept')).status).toBe(200);
    await eventually('the owner’s cloud refuses', async () => {
      const { state, reason } = await incoming(clouds.two, mirror.id);
      return state === 'pending' && reason === 'STATE_CONFLICT';
    });
    expect((await outgoing(clouds.one, share.id)).state).toBe('expired');
    await clouds.change(share.id, { expiresAt: soon(60 * MINUTE) });
    await clouds.drain();
    expect((await clouds.act(mirror.id, 'accept')).status).toBe(200);
    await eventually('it is confirmed', async () => (await incoming(clouds.two, mirror.id)).confirmed);
    expect(await introspect(clouds.one, await clouds.token(mirror.id))).toMatchObject({ active: true });
  });

  it('an end that was set while bob’s yes was on its way waits for him again, too', async () => {
    const { share, mirror } = await clouds.pending();
    await clouds.one.rows(
      `update federation.outgoing_share set expires_at = now() - interval '1 second' where id = $1`,
      share.id,
    );
    expect((await clouds.act(mirror.id, 'accept')).status).toBe(200);
    await eventually(
      'the owner’s cloud refuses',
      async () => (await incoming(clouds.two, mirror.id)).state === 'pending',
    );
    expect((await incoming(clouds.two, mirror.id)).confirmed).toBe(false);
  });
});
