import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Transactions } from '../../src/persistence/transactions.js';
import { KnownOffers } from '../../src/shares/incoming/known-offers.js';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { eventually, TestCloud } from '../support/cloud.js';
import type { CallResult } from '../support/hostile-peer.js';
import { auditOf, bodyOf, type Json, offer, randomName, whileHolding } from './support.js';
import { ScriptedPeer } from './trusted-peer.js';

describe('an offer that crosses with something else', () => {
  let authority: CertificateAuthority;
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let bob: string;

  beforeAll(async () => {
    authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud2', authority });
    bob = `bob@${cloud.host}`;
    await cloud.json('POST', '/api/v1/accounts', { username: bob, displayName: 'Bob' });
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud1');
  });
  afterAll(() => Promise.all([cloud?.stop(), peer?.stop()]));
  afterEach(() => vi.restoreAllMocks());

  const rowsNamed = (shareId: unknown) =>
    cloud.rows('select id, state from federation.incoming_share where share_id = $1', shareId);
  const keysOf = (key: string) => cloud.rows('select key from federation.inbox where key = $1', key);
  const codeOf = (answer: CallResult | undefined) => [answer?.status, answer && bodyOf(answer).message];

  /** The calls that are under way, as soon as so many of them wait for somebody. */
  const areWaiting = (count = 1) =>
    eventually(`${count} wait`, async () => {
      const [row] = await cloud.rows<{ count: number }>(
        `select count(*)::int as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return (row?.count ?? 0) >= count;
    });

  /** Lets the offer begin its statement, then holds it there while something is committed. */
  async function overtaken(body: Json, by: () => Promise<unknown>, headers?: Record<string, string>) {
    let calling: Promise<CallResult> | undefined;
    const hold = `select id from federation.relationship where id = '${peer.relationship}' for update`;
    await whileHolding(cloud, hold, 'commit', async () => {
      calling = peer.post('/shares', body, headers);
      await areWaiting();
      await by();
    });
    return calling;
  }

  it('needs no transaction if nothing crosses', async () => {
    const deciding = vi.spyOn(cloud.get(KnownOffers), 'find');
    const bodies = [offer(peer, bob), offer(peer, bob)];
    const answers = [
      await peer.post('/shares', bodies[0]),
      await peer.post('/shares', bodies[1], { 'idempotency-key': randomName() }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    expect(deciding).not.toHaveBeenCalled();
    const actions = (await auditOf(cloud, String(bodyOf(answers[1] as CallResult).id))).map(({ action }) => action);
    expect(actions).toEqual(['share.offered']);
  });

  it('waits for the withdrawal of its share that is under way, and comes to nothing', async () => {
    const body = offer(peer, bob);
    const headers = { 'idempotency-key': randomName() };
    let calls: Promise<CallResult>[] = [];
    const withdrawing = `
      select pg_advisory_xact_lock(hashtextextended('${peer.relationship} ${body.shareId}', 0));
      insert into federation.share_tombstone (relationship_id, share_id) values ('${peer.relationship}', '${body.shareId}')`;
    await whileHolding(cloud, withdrawing, 'commit', async () => {
      calls = [peer.post('/shares', body), peer.post('/shares', body, headers)];
      await areWaiting(2);
    });
    for (const call of calls) expect(codeOf(await call)).toEqual([409, 'SHARE_WITHDRAWN']);
    expect(await rowsNamed(body.shareId)).toEqual([]);
    expect(await keysOf(headers['idempotency-key'])).toEqual([]);
  });

  it.each([
    ['without a key', undefined],
    ['with a key', { 'idempotency-key': randomName() }],
  ])('sees a withdrawal that was committed after its statement began, %s', async (_, headers) => {
    const body = offer(peer, bob);
    const withdraw = () =>
      cloud.rows(
        'insert into federation.share_tombstone (relationship_id, share_id) values ($1, $2)',
        peer.relationship,
        body.shareId,
      );
    expect(codeOf(await overtaken(body, withdraw, headers))).toEqual([409, 'SHARE_WITHDRAWN']);
    expect(await rowsNamed(body.shareId)).toEqual([]);
    expect(await keysOf(headers?.['idempotency-key'] ?? '')).toEqual([]);
  });

  it('leaves no error in the log of the database, whatever its key and its share have met before or meet now', async () => {
    const statements = vi.spyOn(cloud.get(Transactions), 'prepared');
    const post = (body: Json, key = randomName()) => peer.post('/shares', body, { 'idempotency-key': key });
    const atOnce = async (call: () => Promise<CallResult>) =>
      (await Promise.all(Array.from({ length: 8 }, call))).map(({ status }) => status);
    const [body, key, fresh, other] = [offer(peer, bob), randomName(), randomName(), offer(peer, bob)];
    expect((await post(body, key)).status).toBe(201);
    expect((await post(body)).status).toBe(201);
    expect(codeOf(await post(other, key))).toEqual([409, 'STATE_CONFLICT']);
    expect(codeOf(await post({ ...body, name: 'another' }))).toEqual([409, 'SHARE_CONFLICT']);
    expect(await atOnce(() => post(other, fresh))).toEqual(Array(8).fill(201));
    const crossing = offer(peer, bob);
    expect(await atOnce(() => post(crossing))).toEqual(Array(8).fill(201));
    expect(statements.mock.settledResults.filter(({ type }) => type !== 'fulfilled')).toEqual([]);
  });

  it('is the only one of many under its key', async () => {
    const headers = { 'idempotency-key': randomName() };
    const bodies = Array.from({ length: 8 }, () => offer(peer, bob));
    const answers = await Promise.all(bodies.map((body) => peer.post('/shares', body, headers)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(7).fill(409)]);
    const written = await Promise.all(bodies.map(({ shareId }) => rowsNamed(shareId)));
    expect(written.flat()).toHaveLength(1);
  });

  it('leaves nothing if its key was used, by a node that knows no turns, after its statement began', async () => {
    const body = offer(peer, bob);
    const key = randomName();
    const use = () =>
      cloud.rows(`insert into federation.inbox (peer, key, digest) values ($1, $2, '')`, peer.relationship, key);
    expect(codeOf(await overtaken(body, use, { 'idempotency-key': key }))).toEqual([409, 'STATE_CONFLICT']);
    expect(await rowsNamed(body.shareId)).toEqual([]);
  });

  it('does not come in for a domain that was taken back after its statement began', async () => {
    const domain = 'elsewhere.example';
    await cloud.json('PATCH', `/admin/services/${peer.relationship}`, { domains: [domain] });
    const owner = `alice@${domain}`;
    expect((await peer.post('/shares', offer(peer, bob, { owner }))).status).toBe(201);
    const body = offer(peer, bob, { owner });
    const takeBack = () =>
      cloud.rows(`update federation.relationship_domain set status = 'proposed' where domain = $1`, domain);
    expect(codeOf(await overtaken(body, takeBack))).toEqual([403, 'OWNER_DOMAIN_MISMATCH']);
    expect(await rowsNamed(body.shareId)).toEqual([]);
  });

  it.each([
    ['was deleted after its statement began', false],
    ['is being deleted', true],
  ])('comes to nothing for an account that %s', async (_, isUnderWay) => {
    const [account] = await cloud.rows<{ id: string }>('select id from federation.account');
    const body = offer(peer, bob);
    const forget = `insert into federation.forgotten_account (account_id) values ('${account?.id}')`;
    const lock = `select pg_advisory_xact_lock(hashtextextended('entente account ${account?.id}', 0)); ${forget}`;
    let calling: Promise<CallResult | undefined> | undefined;
    if (!isUnderWay) calling = overtaken(body, () => cloud.rows(forget));
    else {
      await whileHolding(cloud, lock, 'commit', async () => {
        calling = peer.post('/shares', body);
        await areWaiting();
      });
    }
    const answer = await calling;
    await cloud.rows('delete from federation.forgotten_account');
    expect(codeOf(answer)).toEqual([400, 'VALIDATION_FAILED']);
    expect(await rowsNamed(body.shareId)).toEqual([]);
  });

  it('is accepted at once under a policy that was made while it was under way', async () => {
    const body = offer(peer, bob);
    let calling: Promise<CallResult> | undefined;
    const policy = `update federation.relationship set policy = '{"acceptInvitations": "auto"}' where id = '${peer.relationship}'`;
    await whileHolding(cloud, policy, 'commit', async () => {
      calling = peer.post('/shares', body);
      await areWaiting();
    });
    const answer = await calling;
    await cloud.rows(`update federation.relationship set policy = '{}' where id = $1`, peer.relationship);
    expect([answer?.status, answer && bodyOf(answer).state]).toEqual([201, 'accepted']);
  });

  it('leaves nothing, not even its key, if trust ends while it is under way', async () => {
    const fading = await ScriptedPeer.trustedBy(cloud, authority, 'fading');
    const body = offer(fading, bob);
    const headers = { 'idempotency-key': randomName() };
    let calls: Promise<CallResult>[] = [];
    const end = `update federation.relationship set state = 'REVOKED' where id = '${fading.relationship}'`;
    await whileHolding(cloud, end, 'commit', async () => {
      calls = [fading.post('/shares', body, headers), fading.post('/shares', offer(fading, bob))];
      await areWaiting(2);
    });
    for (const call of calls) expect(codeOf(await call)).toEqual([401, 'CLIENT_NOT_AUTHENTICATED']);
    expect(
      await cloud.rows('select id from federation.incoming_share where relationship_id = $1', fading.relationship),
    ).toEqual([]);
    expect(await keysOf(headers['idempotency-key'])).toEqual([]);
    await fading.stop();
  });

  it('is refused for good once trust was ended by another node: what writes at once, what reads within a second', async () => {
    const gone = await ScriptedPeer.trustedBy(cloud, authority, 'gone');
    expect((await gone.get('/shares')).status).toBe(200);
    await cloud.rows(`update federation.relationship set state = 'REVOKED' where id = $1`, gone.relationship);
    const body = offer(gone, bob);
    expect((await gone.post('/shares', body)).status).toBe(401);
    const since = performance.now();
    await eventually('reads are refused', async () => (await gone.get('/shares')).status === 401);
    expect(performance.now() - since).toBeLessThan(1_500);
    expect(await rowsNamed(body.shareId)).toEqual([]);
    await gone.stop();
  });

  it('does not keep whoever ends the trust waiting, however many there are', async () => {
    const busy = await ScriptedPeer.trustedBy(cloud, authority, 'busy');
    let isOver = false;
    const statuses = new Set<number>();
    const keepOffering = async () => {
      while (!isOver) statuses.add((await busy.post('/shares', offer(busy, bob))).status);
    };
    const callers = Promise.all(Array.from({ length: 6 }, keepOffering));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const answer = await cloud.api('DELETE', `/admin/services/${busy.relationship}`);
    const after = await busy.get('/shares');
    isOver = true;
    await callers;
    expect([answer.status, after.status]).toEqual([204, 401]);
    expect([...statuses].sort()).toEqual([201, 401]);
    const live = `select id from federation.incoming_share where relationship_id = $1 and state <> 'revoked'`;
    expect(await cloud.rows(live, busy.relationship)).toEqual([]);
    await busy.stop();
  });
});
