import { StepFailed } from './screen.mjs';

const ENDED = ['REVOKED', 'REJECTED'];

/** The two operators make their clouds trust each other, or find that they do. @param {import('./pair.mjs').Pair} pair */
export async function establishTrust(pair) {
  const { screen, cloud1, cloud2 } = pair;
  const isThere = await screen.step('the operators look who is trusted', async () => {
    const [ours, theirs] = [await show(cloud1, cloud2), await show(cloud2, cloud1)];
    if (ours?.state === 'TRUSTED' && theirs?.state === 'TRUSTED') return true;
    await clearAway(cloud1, ours);
    await clearAway(cloud2, theirs);
    return false;
  });
  if (isThere) return screen.detail('trust is there from an earlier run');

  const marks = { cloud1: cloud1.mark, cloud2: cloud2.mark };
  await screen.step('cloud1 asks cloud2 for trust', async () => {
    await cloud1.call({
      as: 'operator',
      method: 'POST',
      path: '/admin/services',
      body: { url: cloud2.origin },
      expect: 201,
      note: ({ state }) => state,
    });
    await cloud2.heard('POST /federation/trust-requests', 202, marks.cloud2);
  });

  const invitation = await screen.step('cloud2 lists the request, with the fingerprint of cloud1', async () => {
    await screen.until('cloud2 to list the request', () => standing(cloud2, cloud1.origin, ['INVITED']));
    const item = await show(cloud2, cloud1);
    const self = await cloud1.call({
      as: 'operator',
      method: 'GET',
      path: '/admin/self',
      expect: 200,
      note: ({ certificate }) => certificate.fingerprint,
    });
    if (item?.fingerprint !== self.certificate.fingerprint) {
      throw new StepFailed(`cloud2 shows ${item?.fingerprint}, cloud1 says ${self.certificate.fingerprint}`);
    }
    screen.detail('the operators have compared the two: they are equal');
    return item;
  });

  await screen.step('cloud2 accepts, and both clouds trust each other', async () => {
    await cloud2.call({
      as: 'operator',
      method: 'POST',
      path: `/admin/services/${invitation.id}/accept`,
      body: { fingerprint: invitation.fingerprint },
      expect: 200,
      note: ({ state }) => state,
    });
    await cloud1.heard('POST /federation/trust-confirmations', 200, marks.cloud1);
    for (const [cloud, other] of [
      [cloud1, cloud2],
      [cloud2, cloud1],
    ]) {
      await screen.until(`${cloud.name} to trust ${other.name}`, () => standing(cloud, other.origin, ['TRUSTED']));
      await show(cloud, other);
    }
  });
}

/** How a cloud stands with another one, shown. */
async function show(cloud, other) {
  const note = (body) => live(body.items, other.origin)?.state ?? `nothing about ${other.name}`;
  const body = await cloud.call({ as: 'operator', method: 'GET', path: '/admin/services', expect: 200, note });
  return live(body.items, other.origin);
}

/** What an earlier run has left behind: half of a relationship, which nobody can complete. */
async function clearAway(cloud, item) {
  if (!item) return;
  await cloud.call({
    as: 'operator',
    method: 'DELETE',
    path: `/admin/services/${item.id}`,
    expect: 204,
    note: () => `what was left of an earlier run (${item.state})`,
  });
}

/** The relationship with an origin, if it is in one of these states. */
async function standing(cloud, origin, states) {
  const item = live(await cloud.list('/admin/services'), origin);
  return item && states.includes(item.state) ? item : undefined;
}

function live(items, origin) {
  return items.find((item) => item.origin === origin && !ENDED.includes(item.state));
}
