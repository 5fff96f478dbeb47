import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../src/transport/certificates.js';
import { OwnIdentity } from '../../src/trust/own-identity.js';
import { ADMIN_TOKEN, establishTrust, eventually, serviceOf, TestCloud } from '../support/cloud.js';

const TEXT_COLUMNS = `
  select format('select %L as place, %I::text as content from %I.%I where %I is not null',
    table_name || '.' || column_name, column_name, table_schema, table_name, column_name) as query
  from information_schema.columns where table_schema = 'federation' and data_type in ('text', 'jsonb')`;

describe('secrets over a whole job, failures included', () => {
  const lines: string[] = [];
  let one: TestCloud;
  let two: TestCloud;
  let token: string;
  const secrets = new Map<string, string>();

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    const onLog = (line: string) => void lines.push(line);
    [one, two] = await Promise.all([
      TestCloud.start({ name: 'cloud1', authority, onLog }),
      TestCloud.start({ name: 'cloud2', authority, onLog }),
    ]);
    await one.json('POST', '/api/v1/accounts', {
      username: `alice@${one.host}`,
      displayName: 'Alice',
      password: 'canary-password-of-alice',
    });
    await two.createAccount('bob');
    one.makeResource(`alice@${one.host}`, 'field-notes');
    await establishTrust(one, two);
    const offer = { owner: `alice@${one.host}`, name: 'Notes', resourceId: 'field-notes', permission: 'read' };
    await one.json('POST', '/api/v1/shares/outgoing', { ...offer, shareWith: `bob@${two.host}` });
    await one.json('POST', '/api/v1/shares/outgoing', { ...offer, shareWith: `nobody@${two.host}` });
    const share = await eventually('bob is invited', async () => {
      const { items } = await two.json<{ items: { id: string }[] }>('GET', '/api/v1/shares/incoming');
      return items[0];
    });
    await two.json('POST', `/api/v1/shares/incoming/${share.id}/accept`);
    const access = await eventually('bob has access', async () => {
      const answer = await two.api('GET', `/api/v1/shares/incoming/${share.id}/access`);
      return answer.status === 200 && (answer.json as { protocols: { options: { access_token: string } }[] });
    });
    token = access.protocols[0]?.options.access_token ?? '';
    const issued = await one.json<{ token: string }>('POST', '/admin/tokens', { role: 'host', label: 'canary' });
    // Refusals and malformed bodies talk about what they refuse.
    await one.api('POST', '/api/v1/accounts', { username: 'x', displayName: 'x', password: 'canary-password-refused' });
    await one.api('POST', '/admin/tokens', '{"role": "canary-body-malformed');
    await one.api('GET', '/admin/tokens', undefined, {
      headers: { authorization: 'Bearer canary-token-that-is-wrong' },
    });
    secrets.set('access token', token);
    secrets.set('bootstrap token', ADMIN_TOKEN);
    secrets.set('issued token', issued.token);
    secrets.set('password', 'canary-password-of-alice');
    secrets.set('refused password', 'canary-password-refused');
    secrets.set('malformed body', 'canary-body-malformed');
    secrets.set('wrong token', 'canary-token-that-is-wrong');
    for (const cloud of [one, two]) {
      const key = cloud.get(OwnIdentity).current().privateKey.reveal();
      secrets.set(`private key of ${cloud.host}`, key.split('\n')[1] ?? '');
    }
  });

  afterAll(() => Promise.all([one?.stop(), two?.stop()]));

  it('the token has 256 bits', () => {
    expect(Buffer.from(token, 'base64url').length).toBe(32);
  });

  it('none is in a log line', () => {
    expect(lines.length).toBeGreaterThan(50);
    const log = lines.join('\n');
    for (const [name, secret] of secrets) expect(log.includes(secret), name).toBe(false);
  });

  it('none lies readable in a database', async () => {
    for (const cloud of [one, two]) {
      for (const { query } of await cloud.rows<{ query: string }>(TEXT_COLUMNS)) {
        for (const { place, content } of await cloud.rows<{ place: string; content: string }>(query)) {
          for (const [name, secret] of secrets) expect(content.includes(secret), `${name} in ${place}`).toBe(false);
        }
      }
    }
  });

  it('once delivered, the provider keeps no more of the token than a hash', async () => {
    const sealed = await one.rows(
      `select id from federation.delivery where kind = 'share-offer' and sealed is not null`,
    );
    expect(sealed).toEqual([]);
    const hashes = await one.rows(`select token_hash from federation.outgoing_share where state = 'accepted'`);
    expect(hashes).toEqual([{ token_hash: expect.stringMatching(/^[\w-]{43}$/) }]);
  });

  it('a sealed token that was moved to another row opens nothing', async () => {
    const [share] = await two.rows<{ id: string }>(`select id from federation.incoming_share where state = 'accepted'`);
    await two.rows(
      `insert into federation.incoming_share (id, relationship_id, share_id, provider_id, owner, share_with,
         recipient_account, name, permission, state, confirmed, protocol_names, protocols_sealed, offer_digest)
       select 'moved', relationship_id, 'moved', provider_id, owner, share_with,
         recipient_account, name, permission, state, confirmed, protocol_names, protocols_sealed, 'x'
       from federation.incoming_share where id = $1`,
      share?.id,
    );
    const answer = await two.api('GET', '/api/v1/shares/incoming/moved/access');
    expect(answer.status).toBe(500);
    expect(answer.text).toBe('{"message":"INTERNAL_ERROR"}');
  });

  it('the token is dead at once when trust is revoked, and sealed nowhere any more', async () => {
    const service = await serviceOf(one, two.origin);
    await one.json('DELETE', `/admin/services/${service?.id}`);
    const introspection = await one.api('POST', '/api/v1/access/introspect', `token=${token}`, {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(introspection.json).toEqual({ active: false });
    await eventually('cloud 2 is told', async () => (await serviceOf(two, one.origin))?.state === 'REVOKED');
    expect(await two.rows('select id from federation.incoming_share where protocols_sealed is not null')).toEqual([]);
  });
});
