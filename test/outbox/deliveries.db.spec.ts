import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Secret } from '../../src/kernel/secret.js';
import { type FreshDatabase, freshDatabase } from '../support/database.js';
import { gate, Node, Onlooker, until } from './engine.js';

describe('the outbox', () => {
  let database: FreshDatabase;
  let db: Onlooker;
  let node: Node;

  beforeAll(async () => {
    database = await freshDatabase();
    db = new Onlooker(database.url);
  });
  afterAll(async () => {
    await db?.close();
    await database?.drop();
  });
  beforeEach(async () => {
    await db.clear();
    node = await Node.on(database.url);
  });
  afterEach(() => node.stop());

  const settled = (id: string, state: string) =>
    until(`${id} ${state}`, async () => (await db.delivery(id)).state === state);

  describe('enqueueing', () => {
    it('belongs to the transaction of the act: a rollback leaves nothing, and nothing is sent', async () => {
      const act = node.transaction(async () => {
        await node.enqueue('never');
        throw new Error('the act failed');
      });
      await expect(act).rejects.toThrow('the act failed');
      await settled(await node.send('after'), 'delivered');
      expect(node.handler.texts).toEqual(['after']);
      expect(await db.rows(`select id from federation.delivery where meaning->>'text' = 'never'`)).toEqual([]);
    });

    it('is refused outside of a transaction', async () => {
      await expect(node.enqueue('loose')).rejects.toThrow('in the transaction of its act');
      expect(await db.rows('select id from federation.delivery')).toEqual([]);
    });

    it('is seen by nobody before the commit', async () => {
      const commit = gate();
      const act = node.transaction(async () => {
        const id = await node.enqueue('later');
        await commit.opened;
        return id;
      });
      await settled(await node.send('meanwhile'), 'delivered');
      expect(node.handler.texts).toEqual(['meanwhile']);
      commit.open();
      await settled(await act, 'delivered');
      expect(node.handler.texts).toEqual(['meanwhile', 'later']);
    });

    it('freezes what is to be said', async () => {
      const meaning = { text: 'as it was' };
      const id = await node.transaction(async () => {
        const enqueued = await node.enqueue('x', { meaning });
        meaning.text = 'as it became';
        return enqueued;
      });
      await settled(id, 'delivered');
      expect(node.handler.texts).toEqual(['as it was']);
    });
  });

  describe('a secret', () => {
    it('is sealed until the delivery settles, then gone', async () => {
      const answer = gate();
      node.handler.attempting = async () => {
        await answer.opened;
        return { kind: 'delivered' };
      };
      const secret = Secret.random();
      const id = await node.send('with a secret', { secret });
      await until('it is under way', () => node.handler.attempts.length === 1);
      const { sealed } = await db.delivery(id);
      expect(sealed).toMatch(/^s1\.[\w-]+$/);
      expect(sealed).not.toContain(secret.reveal());
      expect(node.handler.attempts[0]?.secret?.reveal()).toBe(secret.reveal());
      answer.open();
      await settled(id, 'delivered');
      expect((await db.delivery(id)).sealed).toBeNull();
    });

    it('moved to another delivery does not open, and that delivery says nothing', async () => {
      const idle = await Node.on(database.url, 'idle');
      await node.stop();
      const id = await idle.send('mine', { secret: Secret.random() });
      const other = await idle.send('other', { secret: Secret.random() });
      await db.rows(
        'update federation.delivery set sealed = (select sealed from federation.delivery where id = $1) where id = $2',
        id,
        other,
      );
      node = await Node.on(database.url);
      await settled(id, 'delivered');
      await until('the other was tried', async () => (await db.delivery(other)).reason === 'internal-error');
      expect(node.handler.texts).toEqual(['mine']);
      await idle.stop();
    });
  });

  describe('an attempt that does not get through', () => {
    it('is made again under the same id, with the waits of the schedule', async () => {
      node.handler.attempting = async () => ({ kind: 'retry', reason: 'connect' });
      const id = await node.send('again');
      const [, ...bands] = [0, 30, 120, 480];
      for (const [index, wait] of bands.entries()) {
        await until(
          'tried',
          async () => (await db.delivery(id)).reason === 'connect' && (await db.delivery(id)).lease_until === null,
        );
        const row = await db.delivery(id);
        expect(row).toMatchObject({ state: 'waiting', attempts: index + 1 });
        expect(row.wait).toBeGreaterThan(wait * 0.7 - 2);
        expect(row.wait).toBeLessThanOrEqual(wait * 1.3);
        await db.rows(`update federation.delivery set due_at = now(), reason = 'rung' where id = $1`, id);
        await node.send(`ring ${index}`, { peer: 'nobody' });
      }
      await until('a fourth attempt', () => node.handler.attempts.filter(({ id: tried }) => tried === id).length === 4);
      expect(
        new Set(node.handler.attempts.filter(({ peer }) => peer === 'peer').map(({ id: tried }) => tried)),
      ).toEqual(new Set([id]));
    });

    it('waits as long as the peer asks', async () => {
      node.handler.attempting = async () => ({ kind: 'retry', reason: 'refused-4xx', retryAfterSeconds: 3600 });
      const id = await node.send('busy');
      await until('tried', async () => (await db.delivery(id)).reason === 'refused-4xx');
      const { wait } = await db.delivery(id);
      expect(wait).toBeGreaterThan(3590);
      expect(wait).toBeLessThanOrEqual(3600);
    });

    it('is made a last time when its time is over, and its act is told', async () => {
      node.handler.attempting = async () => ({ kind: 'retry', reason: 'timeout' });
      const id = await node.send('too late', { horizon: 0 });
      await settled(id, 'expired');
      expect(await db.settlements()).toEqual([
        { text: 'too late', settlement: { kind: 'expired', reason: 'timeout' } },
      ]);
      expect(await db.delivery(id)).toMatchObject({ attempts: 1, reason: 'timeout', sealed: null });
    });

    it('is delivered if the last attempt succeeds', async () => {
      const id = await node.send('just in time', { horizon: 0 });
      await settled(id, 'delivered');
    });
  });

  it.each([
    [{ kind: 'refused', code: 'SHARE_CONFLICT' } as const, 'refused', 'SHARE_CONFLICT'],
    [{ kind: 'pointless', reason: 'gone' } as const, 'cancelled', 'gone'],
    [{ kind: 'delivered' } as const, 'delivered', null],
  ])('%j ends the delivery, and its act hears of it once', async (attempt, state, reason) => {
    node.handler.attempting = async () => attempt;
    const id = await node.send('x', { secret: Secret.random() });
    await settled(id, state);
    expect(await db.delivery(id)).toMatchObject({ reason, sealed: null, lease_until: null });
    expect(await db.settlements()).toEqual([{ text: 'x', settlement: attempt }]);
  });

  describe('order', () => {
    it('deliveries of one key wait for each other, even while the first fails', async () => {
      let fails = true;
      node.handler.attempting = async ({ meaning }) =>
        fails && meaning.text === 'first' ? { kind: 'retry', reason: 'connect' } : { kind: 'delivered' };
      const [first, second, third] = await node.transaction(async () => [
        await node.enqueue('first', { orderingKey: 'share:1' }),
        await node.enqueue('second', { orderingKey: 'share:1' }),
        await node.enqueue('third', { orderingKey: 'share:1' }),
      ]);
      await settled(await node.send('another share'), 'delivered');
      await until('tried', async () => (await db.delivery(first ?? '')).reason === 'connect');
      expect(node.handler.texts.filter((text) => text !== 'another share')).toEqual(['first']);
      fails = false;
      await db.rows('update federation.delivery set due_at = now()');
      await settled(third ?? '', 'delivered');
      expect(node.handler.texts.filter((text) => text !== 'another share')).toEqual([
        'first',
        'first',
        'second',
        'third',
      ]);
      expect((await db.delivery(second ?? '')).state).toBe('delivered');
    });

    it('a refused one lets the next go', async () => {
      node.handler.attempting = async ({ meaning }) =>
        meaning.text === 'first' ? { kind: 'refused', code: 'HTTP_400' } : { kind: 'delivered' };
      await node.send('first', { orderingKey: 'share:1' });
      await settled(await node.send('second', { orderingKey: 'share:1' }), 'delivered');
      expect(node.handler.texts).toEqual(['first', 'second']);
    });
  });

  describe('one peer that hangs', () => {
    it('has at most five attempts under way, and holds up nobody else', async () => {
      const release = gate();
      let most = 0;
      let hanging = 0;
      node.handler.attempting = async ({ peer }) => {
        if (peer !== 'hangs') return { kind: 'delivered' };
        hanging += 1;
        most = Math.max(most, hanging);
        await release.opened;
        hanging -= 1;
        return { kind: 'delivered' };
      };
      // One by one and then in bulk: what is under way counts, not only what is claimed together.
      for (const text of ['a', 'b', 'c']) await node.send(text, { peer: 'hangs' });
      await until('three hang', () => hanging === 3);
      await node.transaction(async () => {
        for (let at = 0; at < 20; at += 1) await node.enqueue(`more ${at}`, { peer: 'hangs' });
      });
      await until('five hang', () => hanging >= 5);
      await Promise.all(Array.from({ length: 40 }, (_, at) => node.send(`fine ${at}`, { peer: `fine-${at % 4}` })));
      await until(
        'the others are through',
        () => node.handler.texts.filter((text) => text.startsWith('fine')).length === 40,
      );
      expect(most).toBe(5);
      release.open();
      await until('the rest follows', () => node.handler.texts.length === 63);
      expect(most).toBe(5);
    });
  });

  describe('poison', () => {
    it('a handler that throws is tried again later; the next message is on time', async () => {
      node.handler.attempting = async ({ meaning }) => {
        if (meaning.text === 'poison') throw new Error('boom');
        return { kind: 'delivered' };
      };
      const poison = await node.send('poison');
      await settled(await node.send('neighbour'), 'delivered');
      await until('tried', async () => (await db.delivery(poison)).reason === 'internal-error');
      expect(await db.delivery(poison)).toMatchObject({ state: 'waiting', attempts: 1, lease_until: null });
      expect((await db.delivery(poison)).wait).toBeGreaterThan(15);
    });

    it.each([
      ['to a peer', 'test'],
      ['within the process', 'local'],
    ])('what is thrown %s is logged by its place and kind, not with the text that it quotes', async (_, kind) => {
      const readsWhatIsNoJson = async () => JSON.parse('a secret that is no JSON') as never;
      node.handler.attempting = readsWhatIsNoJson;
      node.local.telling = readsWhatIsNoJson;
      const id = await node.send('poison', { kind });
      await until('tried', async () => (await db.delivery(id)).reason === 'internal-error');
      expect(node.logged.join('')).not.toContain('secret');
      const [line] = node.logged.map((text) => JSON.parse(text) as object).filter((each) => 'error' in each);
      expect(line).toMatchObject({
        context: 'Outbox',
        msg: `delivery ${id} (${kind}) failed here`,
        error: { type: 'SyntaxError', message: 'not valid JSON', stack: expect.stringContaining('readsWhatIsNoJson') },
      });
    });

    it('what is thrown while settling takes the outcome back, and the delivery is made again', async () => {
      let broken = true;
      node.handler.settling = async () => {
        if (broken) throw new Error('boom');
      };
      const id = await node.send('half');
      await until('tried', async () => (await db.delivery(id)).reason === 'internal-error');
      expect((await db.delivery(id)).state).toBe('waiting');
      broken = false;
      await db.rows('update federation.delivery set due_at = now()');
      await settled(id, 'delivered');
      expect(await db.settlements()).toHaveLength(1);
    });

    it.each([
      ['its handler throws', { kind: 'test' }, true],
      ['its handler throws, and again when it is told', { kind: 'test' }, false],
      ['nobody delivers its kind', { kind: 'of an older version' }, false],
    ])('it ends with its time although %s: no loop, no neighbour late', async (_, kind, isTold) => {
      node.handler.attempting = async ({ meaning }) => {
        if (meaning.text === 'poison') throw new Error('boom');
        return { kind: 'delivered' };
      };
      node.handler.settling = async ({ meaning }) => {
        if (meaning.text === 'poison' && !isTold) throw new Error('boom again');
      };
      const id = await node.send('poison', { ...kind, horizon: 0, secret: Secret.random() });
      await settled(id, 'expired');
      expect(await db.delivery(id)).toMatchObject({ attempts: 1, reason: 'internal-error', sealed: null });
      const told = { text: 'poison', settlement: { kind: 'expired', reason: 'internal-error' } };
      expect(await db.settlements()).toEqual(isTold ? [told] : []);
      await settled(await node.send('neighbour'), 'delivered');
    });

    it('an attempt that never ends is given up within its lease', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        node.handler.attempting = () => new Promise(() => undefined);
        const id = await node.send('hangs for ever');
        await vi.waitFor(() => expect(node.handler.attempts).toHaveLength(1));
        await vi.advanceTimersByTimeAsync(45_000);
        vi.useRealTimers();
        await until('given up', async () => (await db.delivery(id)).reason === 'timeout');
        expect(await db.delivery(id)).toMatchObject({ state: 'waiting', lease_until: null });
      } finally {
        vi.useRealTimers();
      }
    });
  });

  describe('taking back', () => {
    it('cancels what waits of one key or peer, destroys its secret, and leaves the rest alone', async () => {
      node.handler.attempting = async () => ({ kind: 'retry', reason: 'connect' });
      const mine = await node.send('mine', { orderingKey: 'share:1', secret: Secret.random() });
      const other = await node.send('other', { orderingKey: 'share:2' });
      const foreign = await node.send('foreign', { peer: 'another', orderingKey: 'share:1' });
      await node.transaction(() => node.outbox.cancel({ peer: 'peer', orderingKey: 'share:1' }));
      const states = await Promise.all([mine, other, foreign].map((id) => db.delivery(id)));
      expect(states.map(({ state }) => state)).toEqual(['cancelled', 'waiting', 'waiting']);
      expect(states[0]?.sealed).toBeNull();
    });

    it('cancels what says so of a queue, and what stands behind it goes on', async () => {
      const answer = gate();
      node.handler.attempting = async () => {
        await answer.opened;
        return { kind: 'delivered' };
      };
      const [first, second, third] = [
        await node.send('first', { orderingKey: 'share:1', meaning: { text: 'first', share: '1' } }),
        await node.send('second', { orderingKey: 'share:1', meaning: { text: 'second', share: '2' } }),
        await node.send('third', { orderingKey: 'share:1', meaning: { text: 'third', share: '3' } }),
      ];
      await node.transaction(() => node.outbox.cancel({ peer: 'peer', meaning: { share: '2' } }));
      answer.open();
      await settled(third, 'delivered');
      expect((await db.delivery(first)).state).toBe('delivered');
      expect((await db.delivery(second)).state).toBe('cancelled');
    });

    it('the answer of an attempt under way changes nothing any more', async () => {
      const answer = gate();
      node.handler.attempting = async () => {
        await answer.opened;
        return { kind: 'delivered' };
      };
      const id = await node.send('under way');
      await until('it is under way', () => node.handler.attempts.length === 1);
      await node.transaction(() => node.outbox.cancel({ peer: 'peer' }));
      answer.open();
      await node.stop();
      expect((await db.delivery(id)).state).toBe('cancelled');
      expect(await db.settlements()).toEqual([]);
      node = await Node.on(database.url);
    });
  });
});
