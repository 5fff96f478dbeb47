import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AttemptDelivery } from '../../src/outbox/attempt-delivery.js';
import { Claims, FenceLost } from '../../src/outbox/claims.js';
import { Handlers } from '../../src/outbox/handlers.js';
import { OutboxBell } from '../../src/outbox/outbox-bell.js';
import { type FreshDatabase, freshDatabase } from '../support/database.js';
import { gate, Node, Onlooker, until } from './engine.js';

describe('several nodes on one database', () => {
  let database: FreshDatabase;
  let db: Onlooker;
  const nodes: Node[] = [];

  beforeAll(async () => {
    database = await freshDatabase();
    db = new Onlooker(database.url);
  });
  afterAll(async () => {
    await db?.close();
    await database?.drop();
  });
  beforeEach(() => db.clear());
  afterEach(() => Promise.all(nodes.splice(0).map((node) => node.stop())));

  async function start(running: 'working' | 'idle' = 'working'): Promise<Node> {
    const node = await Node.on(database.url, running);
    nodes.push(node);
    return node;
  }

  it('never both deliver one delivery, and keep the order of each share', async () => {
    const writer = await start('idle');
    const workers = await Promise.all([start(), start()]);
    const log: string[] = [];
    for (const { handler } of workers) {
      handler.attempting = async ({ meaning }) => {
        log.push(meaning.text);
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
        return { kind: 'delivered' };
      };
    }
    const shares = Array.from({ length: 20 }, (_, at) => `share-${at}`);
    for (let step = 0; step < 5; step += 1) {
      await writer.transaction(async () => {
        for (const [at, share] of shares.entries()) {
          await writer.enqueue(`${share} ${step}`, { orderingKey: share, peer: `peer-${at % 8}` });
        }
      });
      for (const worker of workers) worker.get(OutboxBell).ring();
    }
    const waiting = async () => (await db.rows(`select id from federation.delivery where state = 'waiting'`)).length;
    await until('all are delivered', async () => (await waiting()) === 0, 9_000);
    expect(log).toHaveLength(100);
    expect(new Set(log).size).toBe(100);
    for (const share of shares) {
      const steps = log.filter((text) => text.startsWith(`${share} `)).map((text) => Number(text.split(' ')[1]));
      expect(steps).toEqual([0, 1, 2, 3, 4]);
    }
    const attempts = await db.rows('select id from federation.delivery where attempts <> 1');
    expect(attempts).toEqual([]);
    expect(workers.every(({ handler }) => handler.attempts.length > 0)).toBe(true);
  });

  it('fifty claims at once take every delivery exactly once', async () => {
    const [one, two] = [await start('idle'), await start('idle')];
    for (let at = 0; at < 40; at += 1) await one.send(`m${at}`, { peer: `p${at % 10}` });
    const claims = await Promise.all(
      Array.from({ length: 50 }, (_, at) => (at % 2 ? one : two).get(Claims).claim(3, 5)),
    );
    const taken = claims.flat().map(({ id }) => id);
    expect(new Set(taken).size).toBe(taken.length);
    const rest = await one.get(Claims).claim(100, 100);
    expect(taken.length + rest.length).toBe(40);
  });

  it('a claim whose lease ran out is taken over, and the late answer of the first node changes nothing', async () => {
    const late = gate();
    const first = await start('idle');
    first.get(Handlers).onModuleInit();
    first.handler.attempting = async () => {
      await late.opened;
      return { kind: 'refused', code: 'LATE' };
    };
    const id = await first.send('twice');
    const [claim] = await first.get(Claims).claim(1, 1);
    if (!claim) throw new Error('nothing to claim');
    const attempt = first.get(AttemptDelivery).execute(claim);
    await db.rows(`update federation.delivery set lease_until = now() - interval '1 second' where id = $1`, id);
    const second = await start();
    await until('the second delivered it', async () => (await db.delivery(id)).state === 'delivered');
    expect(second.handler.attempts[0]).toMatchObject({ id, attempt: 2 });
    late.open();
    await attempt;
    expect(await db.delivery(id)).toMatchObject({ state: 'delivered', reason: null, fence: '2' });
    const settlements = (await db.settlements()).filter(({ text }) => text === 'twice');
    expect(settlements).toEqual([{ text: 'twice', settlement: { kind: 'delivered' } }]);
  });

  it('a node without its lease can neither settle nor postpone nor release', async () => {
    const node = await start('idle');
    const claims = node.get(Claims);
    const id = await node.send('fenced');
    const [stale] = await claims.claim(1, 1);
    await db.rows(`update federation.delivery set lease_until = now() - interval '1 second'`);
    const [fresh] = await claims.claim(1, 1);
    if (!stale || !fresh) throw new Error('not claimed twice');
    const before = await db.delivery(id);
    await expect(claims.settle(stale, 'refused', 'LATE')).rejects.toBeInstanceOf(FenceLost);
    await claims.postpone(stale, 3600, 'late');
    await claims.release([stale]);
    const after = await db.delivery(id);
    expect({ ...after, wait: 0 }).toEqual({ ...before, wait: 0 });
    await claims.settle(fresh, 'delivered', null);
    expect((await db.delivery(id)).state).toBe('delivered');
  });

  it('a held lease keeps others away, and what comes after it in its order too', async () => {
    const node = await start('idle');
    const claims = node.get(Claims);
    await node.send('one', { orderingKey: 'k' });
    await node.send('two', { orderingKey: 'k' });
    expect(await claims.claim(10, 10)).toMatchObject([{ meaning: { text: 'one' }, attempts: 1, fence: '1' }]);
    expect(await claims.claim(10, 10)).toEqual([]);
  });

  it('a released claim is there at once for another node, and does not count as an attempt', async () => {
    const node = await start('idle');
    const claims = node.get(Claims);
    const id = await node.send('given back');
    await claims.release(await claims.claim(1, 1));
    expect(await db.delivery(id)).toMatchObject({ attempts: 0, lease_until: null });
    expect(await claims.claim(1, 1)).toMatchObject([{ id, attempts: 1, fence: '2' }]);
  });

  it('counts what is under way towards a peer, and takes no more than is left', async () => {
    const node = await start('idle');
    const claims = node.get(Claims);
    for (let at = 0; at < 10; at += 1) await node.send(`m${at}`, { peer: at < 8 ? 'busy' : 'idle' });
    const taken = await claims.claim(32, 5, new Map([['busy', 3]]));
    expect(taken.filter(({ peer }) => peer === 'busy')).toHaveLength(2);
    expect(taken.filter(({ peer }) => peer === 'idle')).toHaveLength(2);
    expect(await claims.claim(32, 5, new Map([['busy', 5]]))).toEqual([]);
  });

  describe('a graceful stop', () => {
    it('finishes what is under way and begins nothing new', async () => {
      const answer = gate();
      const node = await start();
      node.handler.attempting = async () => {
        await answer.opened;
        return { kind: 'delivered' };
      };
      const id = await node.send('under way', { orderingKey: 'k' });
      const next = await node.send('next', { orderingKey: 'k' });
      await until('it is under way', () => node.handler.attempts.length === 1);
      const stopping = node.stop();
      nodes.splice(0);
      answer.open();
      await stopping;
      expect((await db.delivery(id)).state).toBe('delivered');
      expect(await db.delivery(next)).toMatchObject({ state: 'waiting', attempts: 0, lease_until: null });
    });

    it('gives back what would not end, for another node to take at once', async () => {
      const node = await start();
      node.handler.attempting = () => new Promise(() => undefined);
      const id = await node.send('hangs');
      await until('it is under way', () => node.handler.attempts.length === 1);
      // The time that a stop gives to attempts under way, 15 s, is over at once.
      const real = globalThis.setTimeout;
      const sooner = (run: () => void, ms?: number) => real(run, ms === 15_000 ? 0 : ms);
      const timers = vi.spyOn(globalThis, 'setTimeout').mockImplementation(sooner as typeof setTimeout);
      nodes.splice(0);
      await node.stop().finally(() => timers.mockRestore());
      expect(await db.delivery(id)).toMatchObject({ state: 'waiting', attempts: 0, lease_until: null });
    });

    it('leaves no lease behind: another node goes on at once', async () => {
      const first = await start();
      first.handler.attempting = async () => ({ kind: 'retry', reason: 'connect' });
      const ids = await Promise.all(Array.from({ length: 12 }, (_, at) => first.send(`m${at}`)));
      await first.stop();
      nodes.splice(0);
      expect(await db.rows('select id from federation.delivery where lease_until is not null')).toEqual([]);
      await db.rows('update federation.delivery set due_at = now()');
      await start();
      await until('all are through', async () => {
        const rows = await db.rows(`select id from federation.delivery where state = 'delivered'`);
        return rows.length === ids.length;
      });
    });
  });
});
