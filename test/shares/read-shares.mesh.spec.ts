import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { TestCloud } from '../support/cloud.js';
import { bodyOf, type Json, offer, randomName } from './support.js';
import { ScriptedPeer } from './trusted-peer.js';

describe('GET /shares by a trusted peer', () => {
  let cloud: TestCloud;
  let peer: ScriptedPeer;
  let other: ScriptedPeer;
  let foreignId: string;

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud2', authority });
    const bob = await cloud.createAccount('bob');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud1');
    other = await ScriptedPeer.trustedBy(cloud, authority, 'cloud3');
    for (let at = 0; at < 3; at += 1) await peer.post('/shares', offer(peer, bob, { shareId: `first-${at}` }));
    foreignId = String(bodyOf(await other.post('/shares', offer(other, bob, { shareId: 'foreign' }))).id);
    await cloud.rows(
      `insert into federation.incoming_share (id, relationship_id, share_id, provider_id, owner, share_with,
         recipient_account, name, permission, state, protocol_names, offer_digest, created_at)
       select 'later-' || lpad(n::text, 3, '0'), $1, 'later-' || n, 'r', 'alice@cloud1.localhost', $2, 'x', 'n', 'read',
         'pending', '["pf_classic"]', 'd', now() + interval '1 hour' from generate_series(1, 57) n`,
      peer.relationship,
      bob,
    );
  });
  afterAll(() => Promise.all([cloud?.stop(), peer?.stop(), other?.stop()]));

  const pageOf = async (path: string) => {
    const answer = await peer.get(path);
    expect(answer.status).toBe(200);
    const { _embedded, _links } = bodyOf(answer) as { _embedded: { shares: Json[] }; _links: Json };
    return {
      ids: _embedded.shares.map(({ id, shareId }) => String(shareId ?? id)),
      links: _links,
      headers: answer.headers,
    };
  };

  it('gives the caller’s own, ordered by creation and id, in pages of fifty', async () => {
    const first = await pageOf('/shares');
    expect(first.headers).toMatchObject({ 'x-page': '1', 'x-per-page': '50', 'x-total': '60' });
    expect(first.headers['content-type']).toMatch(/^application\/hal\+json/);
    expect(first.ids).toHaveLength(50);
    expect(first.ids.slice(0, 4)).toEqual(['first-0', 'first-1', 'first-2', 'later-1']);
    expect(first.links).toEqual({ self: { href: '/shares?page=1' }, next: { href: '/shares?page=2' } });
    const second = await pageOf('/shares?page=2');
    expect(second.ids).toEqual(Array.from({ length: 10 }, (_, at) => `later-${at + 48}`));
    expect(second.links).toEqual({ self: { href: '/shares?page=2' } });
  });

  it('under /ocm its links stay there', async () => {
    const { links } = await pageOf('/ocm/shares?page=1');
    expect(links).toEqual({ self: { href: '/ocm/shares?page=1' }, next: { href: '/ocm/shares?page=2' } });
  });

  it('past the end is empty, and still says how many there are', async () => {
    for (const page of ['3', '1000000']) {
      const { ids, headers } = await pageOf(`/shares?page=${page}`);
      expect(ids).toEqual([]);
      expect(headers).toMatchObject({ 'x-page': page, 'x-total': '60' });
    }
  });

  it.each(['0', '-1', 'abc', '', '1.5', '1e3', '01', '+1', '9223372036854775808', '99999999999999999999', '１'])(
    'page=%s is no page',
    async (page) => {
      const answer = await peer.get(`/shares?page=${encodeURIComponent(page)}`);
      expect(answer.status).toBe(400);
      expect(bodyOf(answer)).toEqual({
        message: 'VALIDATION_FAILED',
        validationErrors: [{ name: 'page', message: 'INVALID' }],
      });
    },
  );

  it.each(['page[]=1', 'page=1&page=2', 'page[a]=1', 'page%00=1&page=0'])('%s is no page', async (query) => {
    expect((await peer.get(`/shares?${query}`)).status).toBe(400);
  });

  it('another peer sees its own alone', async () => {
    const answer = await other.get('/shares');
    expect(answer.headers['x-total']).toBe('1');
    const { _embedded } = bodyOf(answer) as { _embedded: { shares: Json[] } };
    expect(_embedded.shares.map(({ id }) => id)).toEqual([foreignId]);
  });

  it('a foreign share and no share are the same answer, byte for byte but for the request id', async () => {
    const answers = await Promise.all(
      [foreignId, randomName(), `${foreignId}x`, '%00', '..%2f', 'a'.repeat(2_000)].map((id) =>
        peer.get(`/shares/${id}`),
      ),
    );
    expect(answers.slice(0, 3).map(({ status }) => status)).toEqual([404, 404, 404]);
    for (const { status } of answers) expect([400, 404, 414]).toContain(status);
    const comparable = answers.slice(0, 3).map(({ headers, text }) => {
      const { 'x-request-id': _, date: __, ...rest } = headers;
      return { rest, text };
    });
    expect(comparable[0]).toEqual(comparable[1]);
    expect(comparable[0]).toEqual(comparable[2]);
    expect(comparable[0]?.text).toBe('{"message":"RESOURCE_NOT_FOUND"}');
  });

  it('answers a stranger 401, whatever it asks for', async () => {
    const stranger = await cloud.api('GET', `/shares/${foreignId}`);
    expect([stranger.status, bodyOf(stranger).message]).toEqual([401, 'CLIENT_NOT_AUTHENTICATED']);
  });
});
