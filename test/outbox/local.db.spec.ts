import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Claims } from '../../src/outbox/claims.js';
import { LocalWorker } from '../../src/outbox/local-worker.js';
import { deliveryPart, Outbox } from '../../src/outbox/outbox.js';
import { OutboxBell } from '../../src/outbox/outbox-bell.js';
import { Transactions } from '../../src/persistence/transactions.js';
import { type FreshDatabase, freshDatabase } from '../support/database.js';
import { gate, Node, Onlooker, until } from './engine.js';

describe('what is told within the process', () => {
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

  const tell = (node: Node, text: string, orderingKey = text) =>
    node.send(text, { kind: 'local', peer: 'here', orderingKey });
  const isDelivered = async (id: string) => (await db.delivery(id)).state === 'delivered';

  /** As an act does whose SQL enqueues together with its rows. */
  async function tellFirst(node: Node, text: string): Promise<string> {
    const promised = node
      .get(Outbox)
      .promiseFirst({ kind: 'local', peer: 'here', orderingKey: text, meaning: { text } });
    const sql = { name: 'test-first', text: `with ${deliveryPart(1, '(select) as act')} select` };
    await node.get(Transactions).prepared(sql, [...promised.values]);
    promised.committed();
    return promised.id;
  }

  it('is told once, and settled many at a time', async () => {
    const node = await start();
    const ids = await Promise.all(Array.from({ length: 150 }, (_, at) => tell(node, `m${at}`)));
    await until('all are delivered', async () => {
      const [row] = await db.rows<{ count: number }>(
        `select count(*)::int as count from federation.delivery where state = 'delivered' and attempts = 1`,
      );
      return row?.count === ids.length;
    });
    expect(node.local.texts.toSorted()).toEqual(ids.map((_, at) => `m${at}`).toSorted());
    const [moments] = await db.rows<{ count: number }>(
      'select count(distinct settled_at)::int as count from federation.delivery',
    );
    expect(moments?.count).toBeLessThan(75);
  });

  it('keeps the order of its key, while one that fails holds up nobody else', async () => {
    const node = await start();
    let isBroken = true;
    node.local.telling = async ({ meaning }) => {
      if (isBroken && meaning.text === 'first') throw new Error('the host is away');
    };
    const first = await tell(node, 'first', 'k');
    const second = await tell(node, 'second', 'k');
    const other = await tell(node, 'other');
    await until('others are told', () => isDelivered(other));
    await until('the first is put off', async () => (await db.delivery(first)).reason === 'internal-error');
    expect((await db.delivery(second)).state).toBe('waiting');
    expect(node.local.texts).not.toContain('second');
    isBroken = false;
    await db.rows('update federation.delivery set due_at = now()');
    node.get(OutboxBell).ring();
    await until('both are told', async () => (await isDelivered(first)) && isDelivered(second));
    expect(node.local.texts.filter((text) => text !== 'other')).toEqual(['first', 'first', 'second']);
  });

  it('is told a last time when its time is over', async () => {
    const node = await start();
    node.local.telling = () => Promise.reject(new Error('the host is away'));
    const id = await node.send('late', { kind: 'local', peer: 'here', horizon: -1 });
    await until('it has expired', async () => (await db.delivery(id)).state === 'expired');
    expect(node.local.texts).toEqual(['late']);
  });

  it('the first of its key is told by the node that wrote it, without being claimed', async () => {
    const [writer] = [await start(), await start()];
    const ids: string[] = [];
    for (let at = 0; at < 20; at += 1) ids.push(await tellFirst(writer, `m${at}`));
    for (const id of ids) await until('it is delivered', () => isDelivered(id));
    expect(writer.local.texts).toEqual(ids.map((_, at) => `m${at}`));
    expect(await db.rows('select id from federation.delivery where fence <> 1 or attempts <> 1')).toEqual([]);
  });

  it('is told by another node if that one dies first; its late success changes nothing', async () => {
    const writer = await start();
    const late = gate();
    writer.local.telling = () => late.opened;
    const id = await tellFirst(writer, 'orphan');
    await until('it is being told', () => writer.local.texts.length === 1);
    vi.spyOn(writer.get(Claims), 'claimLocal').mockResolvedValue([]);
    const other = await start();
    await db.rows(`update federation.delivery set lease_until = now() - interval '1 second' where id = $1`, id);
    other.get(OutboxBell).ring();
    await until('the other one told it', () => isDelivered(id));
    const settled = await db.delivery(id);
    late.open();
    await writer.stop();
    nodes.splice(nodes.indexOf(writer), 1);
    expect(await db.delivery(id)).toMatchObject({ state: 'delivered', fence: '2', attempts: settled.attempts });
    expect(other.local.texts).toEqual(['orphan']);
  });

  it('is left to others by a node that does not deliver', async () => {
    const silent = await start('idle');
    const id = await tellFirst(silent, 'left');
    expect(await db.delivery(id)).toMatchObject({ state: 'waiting', attempts: 0, lease_until: null });
    const other = await start();
    await until('another node tells it', () => isDelivered(id));
    expect(other.local.texts).toEqual(['left']);
  });

  it('does not wait for what the node has enqueued itself, however much that is', async () => {
    const node = await start();
    const slow = gate();
    node.local.telling = ({ meaning }) => (meaning.text.startsWith('own') ? slow.opened : Promise.resolve());
    const own = await Promise.all(Array.from({ length: 120 }, (_, at) => tellFirst(node, `own ${at}`)));
    await until('they are being told', () => node.local.texts.length === own.length);
    const claimed = await tell(node, 'claimed');
    await until('it is told', () => isDelivered(claimed));
    expect(await db.rows(`select id from federation.delivery where state = 'delivered'`)).toEqual([{ id: claimed }]);
    slow.open();
    for (const id of own) await until('its own are told, too', () => isDelivered(id));
  });

  it('is given back by a node that stopped between promise and commit, untold', async () => {
    const node = await start();
    const promised = node
      .get(Outbox)
      .promiseFirst({ kind: 'local', peer: 'here', orderingKey: 'late', meaning: { text: 'late' } });
    const sql = { name: 'test-late', text: `with ${deliveryPart(1, '(select) as act')} select` };
    await node.get(Transactions).prepared(sql, [...promised.values]);
    expect(await db.delivery(promised.id)).toMatchObject({ attempts: 1, lease_until: expect.any(Date) });
    const stopping = node.get(LocalWorker).beforeApplicationShutdown();
    promised.committed();
    await stopping;
    expect(await db.delivery(promised.id)).toMatchObject({ state: 'waiting', attempts: 0, lease_until: null });
    expect(node.local.texts).toEqual([]);
  });

  it('is given back by a node that stops while it claims', async () => {
    const node = await start();
    const [claimed, mayReturn] = [gate(), gate()];
    const claims = node.get(Claims);
    const claimLocal = claims.claimLocal.bind(claims);
    vi.spyOn(claims, 'claimLocal').mockImplementation(async (limit) => {
      const found = await claimLocal(limit);
      if (found.length === 0) return found;
      claimed.open();
      await mayReturn.opened;
      return found;
    });
    const id = await tell(node, 'claimed late');
    await claimed.opened;
    const stopping = node.get(LocalWorker).beforeApplicationShutdown();
    mayReturn.open();
    await stopping;
    expect(await db.delivery(id)).toMatchObject({ state: 'waiting', attempts: 0, lease_until: null });
    expect(node.local.texts).toEqual([]);
  });

  it('is settled or given back by a node that stops', async () => {
    const node = await start();
    const slow = gate();
    node.local.telling = ({ meaning }) => (meaning.text === 'slow' ? slow.opened : Promise.resolve());
    const [quick, under] = [await tellFirst(node, 'quick'), await tellFirst(node, 'slow')];
    const stopping = node.stop();
    nodes.splice(nodes.indexOf(node), 1);
    slow.open();
    await stopping;
    expect([await isDelivered(quick), await isDelivered(under)]).toEqual([true, true]);
    expect(await db.rows('select id from federation.delivery where lease_until is not null')).toEqual([]);
  });
});
