import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../../src/transport/certificates.js';
import { bodyOf, introspect, offer, whileHolding } from '../../shares/support.js';
import { ScriptedPeer } from '../../shares/trusted-peer.js';
import { eventually, TestCloud } from '../../support/cloud.js';

interface Share {
  readonly id: string;
  readonly state: string;
}

let cloud: TestCloud;
let peer: ScriptedPeer;

beforeAll(async () => {
  const authority = await CertificateAuthority.create('Test CA');
  cloud = await TestCloud.start({ name: 'cloud1', authority });
  peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud2');
  peer.answers({ kind: 'json', status: 201, body: { id: 'there', state: 'pending' } });
});
afterAll(() => Promise.all([cloud?.stop(), peer?.stop()]));

async function account(name: string): Promise<{ id: string; username: string }> {
  const username = `${name}@${cloud.host}`;
  const { id } = await cloud.json('POST', '/api/v1/accounts', { username, displayName: name });
  cloud.makeResource(username, 'notes');
  return { id: String(id), username };
}

const remove = (id: string) => cloud.api('DELETE', `/api/v1/accounts/${id}`);
const share = (owner: string) =>
  cloud.api('POST', '/api/v1/shares/outgoing', {
    owner,
    shareWith: `bob@${peer.host}`,
    name: 'Notes',
    resourceId: 'notes',
    permission: 'read',
  });
const list = (query: string) => cloud.json<{ items: Share[] }>('GET', `/api/v1/shares/${query}`);
const living = (id: string) =>
  cloud.rows(
    `select id from federation.incoming_share where recipient_account = $1 and state in ('pending', 'accepted')
     union all select id from federation.outgoing_share
     where owner_account = $1 and state in ('pending-delivery', 'pending', 'accepted', 'failed')`,
    id,
  );

/** Stops whoever is about to write in the peer's name, after the accounts were found. */
const holdingThePeer = (work: () => Promise<void>) =>
  whileHolding(
    cloud,
    `select pg_advisory_xact_lock(hashtextextended('entente relationship ${peer.relationship}', 0))`,
    'commit',
    work,
  );

const someoneWaits = () =>
  eventually('somebody waits for the peer', async () => {
    const waiting = await cloud.rows(`select from pg_locks where locktype = 'advisory' and not granted`);
    return waiting.length > 0;
  });

describe('an account that is deleted', () => {
  it('gets no share that was being received just then', async () => {
    const bob = await account('late-recipient');
    let answer: ReturnType<typeof peer.post> | undefined;
    await holdingThePeer(async () => {
      answer = peer.post('/shares', offer(peer, bob.username));
      await someoneWaits();
      expect((await remove(bob.id)).status).toBe(204);
    });

    expect(await answer).toMatchObject({
      status: 400,
      json: { message: 'VALIDATION_FAILED', validationErrors: [{ name: 'shareWith', message: 'NOT_FOUND' }] },
    });
    expect(await living(bob.id)).toEqual([]);
  });

  it('makes no share that was being made just then', async () => {
    const alice = await account('late-owner');
    let answer: ReturnType<typeof share> | undefined;
    await holdingThePeer(async () => {
      answer = share(alice.username);
      await someoneWaits();
      expect((await remove(alice.id)).status).toBe(204);
    });

    expect(await answer).toMatchObject({
      status: 400,
      json: { message: 'VALIDATION_FAILED', validationErrors: [{ name: 'owner', message: 'NOT_FOUND' }] },
    });
    expect(await living(alice.id)).toEqual([]);
  });

  it('leaves no living share behind, whoever was first', async () => {
    const all = await Promise.all(Array.from({ length: 12 }, (_, at) => account(`first-${at}`)));
    const answers = await Promise.all(
      all.flatMap(({ id, username }) => [peer.post('/shares', offer(peer, username)), share(username), remove(id)]),
    );

    expect(answers.map(({ status }) => status).filter((status) => ![201, 204, 400, 503].includes(status))).toEqual([]);
    for (const { id } of all) {
      const { status } = await remove(id);
      expect([204, 404]).toContain(status);
      expect(await living(id)).toEqual([]);
    }
  });

  it('is deleted once, however many ask for it at once', async () => {
    const { id } = await account('often');
    const answers = await Promise.all(Array.from({ length: 6 }, () => remove(id)));

    expect(answers.map(({ status }) => status).sort()).toEqual([204, 404, 404, 404, 404, 404]);
    const entries = await cloud.rows(
      `select from federation.audit_entry where action = 'account.deleted' and object = $1`,
      `account:${id}`,
    );
    expect(entries).toHaveLength(1);
  });

  it('is changed or gone, when somebody changes it meanwhile: never half', async () => {
    for (let round = 0; round < 8; round++) {
      const { id } = await account(`changed-${round}`);
      const change = { displayName: 'Changed', emails: [`changed-${round}@example.org`] };
      const [changed, removed] = await Promise.all([cloud.api('PATCH', `/api/v1/accounts/${id}`, change), remove(id)]);
      expect([200, 404]).toContain(changed.status);
      expect(removed.status).toBe(204);
    }
    expect(await cloud.rows(`select from federation.account_email where email like 'changed-%'`)).toEqual([]);
  });
});

describe('an account that gets the username of a deleted one', () => {
  it('has another id, and nothing of what the other had', async () => {
    const old = await account('carol');
    const token = 'token-of-the-old-carol';
    const offered = offer(peer, old.username, { protocol: [{ name: 'pf_classic', options: { access_token: token } }] });
    const received = bodyOf(await peer.post('/shares', offered));
    await cloud.json('POST', `/api/v1/shares/incoming/${received.id}/accept`);
    const made = bodyOf(await share(old.username));
    const sent = await eventually('the peer has the offer', async () =>
      peer.received('/shares').find(({ body }) => body.includes(String(made.shareId))),
    );
    await peer.post('/notifications', { type: 'SHARE_ACCEPTED', shareId: made.shareId });
    const given = /"access_token":"([^"]+)"/.exec(sent.body)?.[1] ?? '';
    expect(await introspect(cloud, given)).toMatchObject({ active: true });
    await remove(old.id);
    const present = await account('carol');

    expect(present.id).not.toBe(old.id);
    for (const name of [present.username, present.id]) {
      expect((await list(`incoming?recipient=${encodeURIComponent(name)}`)).items).toEqual([]);
      expect((await list(`outgoing?owner=${encodeURIComponent(name)}`)).items).toEqual([]);
    }
    expect((await list(`incoming?recipient=${old.id}`)).items).toEqual([]);
    expect(await cloud.json('GET', `/api/v1/shares/incoming/${received.id}`)).toMatchObject({ state: 'left' });
    expect(await cloud.json('GET', `/api/v1/shares/outgoing/${made.id}`)).toMatchObject({ state: 'withdrawn' });
    expect((await cloud.api('GET', `/api/v1/shares/incoming/${received.id}/access`)).status).toBe(409);
    expect(await introspect(cloud, given)).toEqual({ active: false });
  });

  it('is offered anew what the other was offered, as somebody else', async () => {
    const old = await account('bob');
    const offered = offer(peer, old.username);
    const first = bodyOf(await peer.post('/shares', offered));
    await remove(old.id);
    const present = await account('bob');
    const second = bodyOf(await peer.post('/shares', offer(peer, present.username)));

    expect(second.id).not.toBe(first.id);
    const { items } = await list(`incoming?recipient=${encodeURIComponent(present.username)}`);
    expect(items.map(({ id }) => id)).toEqual([second.id]);
  });
});

describe('an account that changes its username', () => {
  it('keeps its shares, which keep the old name; offers find it by the new one alone', async () => {
    const { id, username } = await account('alice');
    const made = bodyOf(await share(username));
    const received = bodyOf(await peer.post('/shares', offer(peer, username)));
    const renamed = `alison@${cloud.host}`;
    await cloud.json('PATCH', `/api/v1/accounts/${id}`, { username: renamed });

    const ids = async (query: string) => (await list(query)).items.map((item) => item.id);
    expect(await ids(`outgoing?owner=${encodeURIComponent(renamed)}`)).toEqual([made.id]);
    expect(await ids(`incoming?recipient=${encodeURIComponent(renamed)}`)).toEqual([received.id]);
    expect(await cloud.json('GET', `/api/v1/shares/outgoing/${made.id}`)).toMatchObject({ owner: username });
    expect(await cloud.json('GET', `/api/v1/shares/incoming/${received.id}`)).toMatchObject({ shareWith: username });
    expect((await peer.post('/shares', offer(peer, username))).status).toBe(400);
    expect((await peer.post('/shares', offer(peer, renamed))).status).toBe(201);
  });
});
