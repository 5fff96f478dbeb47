import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Actor, runInContext } from '../../src/kernel/request-context.js';
import { ForgetCalls } from '../../src/outbox/forget-calls.js';
import { HostCalls } from '../../src/outbox/host-calls.js';
import { Transactions } from '../../src/persistence/transactions.js';
import { type FreshDatabase, freshDatabase } from '../support/database.js';
import { Node, Onlooker } from './engine.js';

const HOST: Actor = { kind: 'host', id: 'token-1' };

describe('a POST of the host under an Idempotency-Key', () => {
  let database: FreshDatabase;
  let db: Onlooker;
  let node: Node;
  let done: string[];

  beforeAll(async () => {
    database = await freshDatabase();
    db = new Onlooker(database.url);
    node = await Node.on(database.url, 'idle');
  });
  afterAll(async () => {
    await node?.stop();
    await db?.close();
    await database?.drop();
  });
  beforeEach(async () => {
    done = [];
    await db.rows('delete from federation.host_call');
  });

  interface Given {
    readonly key?: string;
    readonly act?: string;
    readonly meaning?: object;
    readonly actor?: Actor;
    readonly work?: () => Promise<void>;
  }

  function call({ key, act = 'shares.create', meaning = { name: 'a' }, actor = HOST, work }: Given) {
    return runInContext({ requestId: 'r', actor }, () =>
      node.get(HostCalls).once({ act, key, meaning }, async () => {
        await work?.();
        done.push(act);
        return { number: done.length };
      }),
    );
  }

  it('has one effect and the same answer, however often it is repeated', async () => {
    const answers = [await call({ key: 'k' }), await call({ key: 'k' }), await call({ key: 'k' })];
    expect(answers).toEqual([{ number: 1 }, { number: 1 }, { number: 1 }]);
    expect(done).toHaveLength(1);
  });

  it('has one effect when repeated at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => call({ key: 'k' })));
    expect(new Set(answers.map(({ number }) => number))).toEqual(new Set([1]));
    expect(done).toHaveLength(1);
  });

  it('without a key has its effect every time', async () => {
    expect([await call({}), await call({})]).toEqual([{ number: 1 }, { number: 2 }]);
  });

  it.each([
    ['another body', { meaning: { name: 'b' } }],
    ['another act with the same body', { act: 'shares.accept' }],
  ])('is a conflict with %s, and has no effect', async (_, other) => {
    await call({ key: 'k' });
    await expect(call({ key: 'k', ...other })).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    expect(done).toHaveLength(1);
  });

  it('of another credential is another key', async () => {
    await call({ key: 'k' });
    expect(await call({ key: 'k', actor: { kind: 'host', id: 'token-2' } })).toEqual({ number: 2 });
  });

  it.each<Actor>([
    { kind: 'peer', id: 'peer-1' },
    { kind: 'stranger', id: '' },
    { kind: 'system', id: 'outbox' },
    { kind: 'host', id: 'in-process' },
  ])('of the host in process is one key, also while it acts on behalf of a $kind', async (actor) => {
    const execute = () => node.get(HostCalls).once({ act: 'a', key: 'k', meaning: {} }, async () => ({ first: true }));
    await execute();
    expect(await call({ key: 'other', act: 'a', meaning: {}, actor })).toEqual({ number: 1 });
    expect(await call({ key: 'k', act: 'a', meaning: {}, actor })).toEqual({ first: true });
    expect(await db.rows('select distinct credential from federation.host_call')).toEqual([
      { credential: 'host:in-process' },
    ]);
    expect(await call({ key: 'k', act: 'a', meaning: {} })).toEqual({ number: 2 });
  });

  it('that failed leaves its key free, and nothing else behind', async () => {
    const work = async () => {
      await node.get(Transactions).query(`insert into federation.inbox (peer, key, digest) values ('mark', 'k', '')`);
      throw new RangeError('on purpose');
    };
    await expect(call({ key: 'k', work })).rejects.toThrow('on purpose');
    expect(await db.rows(`select key from federation.inbox where peer = 'mark'`)).toEqual([]);
    expect(await call({ key: 'k' })).toEqual({ number: 1 });
  });

  it('asks others before its transaction begins, and not again for a repeat', async () => {
    const transactions = node.get(Transactions);
    const asked: boolean[] = [];
    const prepare = async () => {
      asked.push(transactions.isRunning());
      return 'ready';
    };
    const once = () =>
      runInContext({ requestId: 'r', actor: HOST }, () =>
        node
          .get(HostCalls)
          .once(
            { act: 'a', key: 'k', meaning: {} },
            async (prepared) => ({ prepared, in: transactions.isRunning() }),
            prepare,
          ),
      );
    expect([await once(), await once()]).toEqual([
      { prepared: 'ready', in: true },
      { prepared: 'ready', in: true },
    ]);
    expect(asked).toEqual([false]);
  });

  describe('whose preparation fails', () => {
    const failing = (meanwhile: () => Promise<unknown>, meaning = {}) =>
      runInContext({ requestId: 'r', actor: HOST }, () =>
        node.get(HostCalls).once(
          { act: 'shares.create', key: 'k', meaning },
          async () => ({ number: 0 }),
          async () => {
            await meanwhile();
            throw new RangeError('nobody answers');
          },
        ),
      );
    const first = () => call({ key: 'k', meaning: {} });

    it('gives the answer that another call has got meanwhile', async () => {
      expect(await failing(first)).toEqual({ number: 1 });
      expect(done).toHaveLength(1);
    });

    it('is a conflict if that was another call', async () => {
      await expect(failing(first, { name: 'b' })).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    });

    it('fails if there is none, and leaves the key free', async () => {
      await expect(failing(async () => undefined)).rejects.toThrow('nobody answers');
      expect(await first()).toEqual({ number: 1 });
    });
  });

  it.each(['', ' ', 'a b', 'ä', 'k'.repeat(256)])('"%.10s" is no key', async (key) => {
    await expect(call({ key })).rejects.toMatchObject({ code: 'VALIDATION_FAILED' });
    expect(done).toEqual([]);
  });

  it('counts for 24 hours', async () => {
    await call({ key: 'k' });
    await db.rows(`update federation.host_call set created_at = now() - interval '23 hours 59 minutes'`);
    expect(await call({ key: 'k' })).toEqual({ number: 1 });
    await db.rows(`update federation.host_call set created_at = now() - interval '24 hours 1 second'`);
    expect(await call({ key: 'k', meaning: { name: 'b' } })).toEqual({ number: 2 });
    expect(await call({ key: 'k', meaning: { name: 'b' } })).toEqual({ number: 2 });
  });

  it('is forgotten after its day, and a peer’s after sixty', async () => {
    await call({ key: 'old' });
    await db.rows(`update federation.host_call set created_at = now() - interval '25 hours'`);
    await call({ key: 'new' });
    await db.rows(`insert into federation.inbox (peer, key, digest, created_at) values
      ('p', 'old', '', now() - interval '61 days'), ('p', 'new', '', now() - interval '59 days')`);
    await node.get(ForgetCalls).execute();
    expect(await db.rows('select key from federation.host_call')).toEqual([{ key: 'new' }]);
    expect(await db.rows(`select key from federation.inbox where peer = 'p'`)).toEqual([{ key: 'new' }]);
  });

  it('keeps no secret that it was sent', async () => {
    await call({ key: 'k', meaning: { password: 'correct horse' } });
    expect(JSON.stringify(await db.rows('select * from federation.host_call'))).not.toContain('horse');
  });
});
