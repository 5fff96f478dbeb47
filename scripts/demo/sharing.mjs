import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { StepFailed } from './screen.mjs';

const RESOURCE = 'summer-plans';
/** What bob adds to it. */
const BY_BOB = { name: 'where-to-stay.txt', text: 'With my sister in Alfama.\n' };

/** Somebody at each cloud, and something to share. @param {import('./pair.mjs').Pair} pair */
export async function prepareAccounts({ screen, cloud1, cloud2 }) {
  const alice = `alice@${cloud1.host}`;
  const bob = `bob@${cloud2.host}`;
  await screen.step('alice has an account at cloud1, bob one at cloud2', async () => {
    await ensureAccount(cloud1, alice, 'Alice');
    await ensureAccount(cloud2, bob, 'Bob');
  });
  const folder = path.join(cloud1.folder, 'resources', alice, RESOURCE);
  await screen.step('alice has a folder', async () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    rmSync(path.join(folder, BY_BOB.name), { force: true });
    writeFileSync(path.join(folder, 'where-to-go.txt'), 'Lisbon by train, and the islands from there.\n');
    screen.detail(folder);
  });
  return { alice, bob, folder };
}

async function ensureAccount(cloud, username, displayName) {
  const accounts = await cloud.list('/api/v1/accounts');
  if (accounts.some((account) => account.username === username)) {
    cloud.screen.detail(`${username} is there from an earlier run`);
    return;
  }
  await cloud.call({
    as: 'host',
    method: 'POST',
    path: '/api/v1/accounts',
    body: { username, displayName },
    expect: 201,
    note: () => username,
  });
}

/**
 * One share from its offer to its end: crosses, is accepted, opens a folder, is changed, withdrawn.
 * @param {import('./pair.mjs').Pair} pair
 * @param {{ alice: string, bob: string, folder: string }} people
 */
export async function shareAFolder({ screen, cloud1, cloud2, platform }, { alice, bob, folder }) {
  const state = ({ state }) => state;
  /** Each run shares anew: the name tells this share from earlier ones. */
  const name = `Summer plans, ${new Date().toISOString()}`;

  const outgoing = await screen.step('alice shares her folder with bob, to read', async () => {
    const mark = cloud2.mark;
    const share = await cloud1.call({
      as: 'alice',
      method: 'POST',
      path: '/api/v1/shares/outgoing',
      body: {
        owner: alice,
        shareWith: bob,
        name,
        description: 'Have a look',
        resourceId: RESOURCE,
        permission: 'read',
      },
      expect: 201,
      note: state,
    });
    await cloud2.heard('POST /shares', 201, mark);
    return share;
  });
  const sent = `/api/v1/shares/outgoing/${outgoing.id}`;

  const incoming = await screen.step('bob sees the invitation', async () => {
    const invitations = `/api/v1/shares/incoming?recipient=${encodeURIComponent(bob)}&state=pending`;
    const found = await screen.until('the share at cloud2', async () =>
      (await cloud2.list(invitations)).find((share) => share.name === name),
    );
    await expectShare(cloud2, 'bob', `/api/v1/shares/incoming/${found.id}`, { state: 'pending', permission: 'read' });
    await expectShare(cloud1, 'alice', sent, { state: 'pending' });
    return found;
  });
  const received = `/api/v1/shares/incoming/${incoming.id}`;

  await screen.step('bob accepts', async () => {
    const mark = cloud1.mark;
    await cloud2.call({ as: 'bob', method: 'POST', path: `${received}/accept`, expect: 200, note: state });
    await cloud1.heard('POST /notifications', 201, mark);
    await expectShare(cloud1, 'alice', sent, { state: 'accepted' });
    await expectShare(cloud2, 'bob', received, { state: 'accepted', confirmed: true });
  });

  const token = await screen.step('bob reads alice’s folder at files1, with the token that cloud2 holds', async () => {
    const given = await readAccess(cloud2, received);
    const names = ({ files }) => files.map(({ name }) => name).join(', ');
    await platform.call({ as: 'bob', method: 'GET', path: '/files/', token: given, expect: 200, note: names });
    const file = '/files/where-to-go.txt';
    await platform.call({
      as: 'bob',
      method: 'GET',
      path: file,
      token: given,
      expect: 200,
      note: (text) => text.trim(),
    });
    await platform.call({ ...asBobWrites(given), expect: 403, note: () => 'he may only read' });
    await platform.call({ as: 'stranger', method: 'GET', path: file, expect: 401 });
    return given;
  });

  await screen.step('alice lets bob write', async () => {
    const mark = cloud2.mark;
    await cloud1.call({
      as: 'alice',
      method: 'PATCH',
      path: sent,
      body: { permission: 'read_write' },
      expect: 200,
      note: ({ permission }) => permission,
    });
    await platform.call({ ...asBobWrites(token), expect: 201, note: () => 'the same token' });
    const written = readFileSync(path.join(folder, BY_BOB.name), 'utf8');
    if (written !== BY_BOB.text) throw new StepFailed(`${BY_BOB.name} says ${JSON.stringify(written)}`);
    screen.detail(`alice finds ${BY_BOB.name} in her folder: ${written.trim()}`);
    await cloud2.heard('POST /notifications', 201, mark);
    await expectShare(cloud2, 'bob', received, { state: 'accepted', permission: 'read_write' });
  });

  await screen.step('alice takes the share back', async () => {
    const mark = cloud2.mark;
    await cloud1.call({ as: 'alice', method: 'DELETE', path: sent, expect: 204 });
    const shutOut = () => 'shut out at once';
    await platform.call({ as: 'bob', method: 'GET', path: '/files/', token, expect: 401, note: shutOut });
    await cloud2.heard('POST /notifications', 201, mark);
    await expectShare(cloud1, 'alice', sent, { state: 'withdrawn' });
    await expectShare(cloud2, 'bob', received, { state: 'revoked' });
    const nothingLeft = ({ message }) => message;
    await cloud2.call({ as: 'host', method: 'GET', path: `${received}/access`, expect: 409, note: nothingLeft });
  });
}

/** What the host of the recipient's cloud does for its people: it fetches the token, and shows it to nobody else. */
async function readAccess(cloud, received) {
  const { protocols } = await cloud.call({
    as: 'host',
    method: 'GET',
    path: `${received}/access`,
    expect: 200,
    note: ({ protocols }) => `${protocols.map(({ name }) => name).join(', ')}, with a token that is not shown here`,
  });
  return protocols[0].options.access_token;
}

function asBobWrites(token) {
  return { as: 'bob', method: 'PUT', path: `/files/${BY_BOB.name}`, token, body: BY_BOB.text };
}

/** Waits until a share has these fields, then shows the answer that has them. */
async function expectShare(cloud, as, target, fields) {
  const has = (share) => Object.entries(fields).every(([key, value]) => share?.[key] === value);
  const words = Object.entries(fields).map(([key, value]) => (typeof value === 'string' ? value : `${key}: ${value}`));
  let last;
  await cloud.screen
    .until(`the share at ${cloud.name} to be ${words.join(', ')}`, async () => {
      last = await cloud.peek(target);
      return has(last);
    })
    .catch((error) => {
      error.message += `; it is ${JSON.stringify(last)}`;
      throw error;
    });
  await cloud.call({ as, method: 'GET', path: target, expect: 200, note: () => words.join(', ') });
}
