import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Alert } from '../../src/audit/alerts.js';
import { Secret } from '../../src/kernel/secret.js';
import type { RunningFederation } from '../../src/operations/server.js';
import {
  CertificateAuthority,
  type IssuedCertificate,
  makeSelfSignedCertificate,
} from '../../src/transport/certificates.js';
import { PeerClient } from '../../src/transport/peer-client.js';
import { CertificateWatch } from '../../src/trust/certificate-watch.js';
import { PeerEndpoints } from '../../src/trust/peer-endpoints.js';
import { eventually, TestCloud } from '../support/cloud.js';
import type { HostilePeer } from '../support/hostile-peer.js';
import { hostileAt, pinOf, stopAll, trusted } from './mesh.js';

const DAY_MS = 86_400_000;

let authority: CertificateAuthority;
let cloud: TestCloud;
let second: RunningFederation;
let peer: HostilePeer;

beforeAll(async () => {
  authority = await CertificateAuthority.create('Test CA');
  const own = await makeSelfSignedCertificate('cloud1.localhost', { days: 12.5 });
  const federationCertificate = { certificate: own.certificate, privateKey: new Secret(own.privateKey) };
  cloud = await TestCloud.start({ name: 'cloud1', authority, options: { federationCertificate } });
  second = await cloud.anotherNode();
  peer = await hostileAt('cloud3.localhost', authority);
}, 60_000);

afterAll(async () => {
  await second?.stop();
  await stopAll(cloud, peer);
});

beforeEach(async () => {
  await cloud.rows('delete from federation.relationship');
  await look();
  await cloud.rows('delete from federation.alert');
});

const look = (now?: Date) => cloud.get(CertificateWatch).look(now);
const lookElsewhere = (now?: Date) => second.app.get(CertificateWatch, { strict: false }).look(now);

const alerts = async (subject: string, state: 'open' | 'settled' = 'open') => {
  const { items } = await cloud.json<{ items: Alert[] }>('GET', `/admin/alerts?state=${state}&limit=200`);
  return items.filter((alert) => alert.kind === 'certificate-ending' && alert.subject === subject);
};

const timesTold = async (subject: string) =>
  (
    await cloud.rows(
      `select 1 from federation.audit_entry where action = 'alert.raised' and object = $1 and details ->> 'kind' = 'certificate-ending'`,
      subject,
    )
  ).length;

const endOf = ({ certificate }: IssuedCertificate) => new Date(new X509Certificate(certificate).validTo);

/** A trusted cloud, by hand. */
async function peerWith(certificate: IssuedCertificate): Promise<string> {
  const body = { url: 'https://cloud2.localhost:9', certificate: certificate.certificate };
  return (await cloud.json<{ id: string }>('POST', '/admin/services', body)).id;
}

/** As if it had been announced and had come into use. */
async function renewed(id: string, days: number): Promise<IssuedCertificate> {
  const next = await makeSelfSignedCertificate('cloud2.localhost', { days });
  const row = [id, next.certificate, pinOf(next)];
  await cloud.rows('update federation.relationship set certificate = $2, pin = $3 where id = $1', ...row);
  return next;
}

describe("a peer's federation certificate", () => {
  it('is told of 30, 14, 7 and 1 days before its end and after it, to the second, once each', async () => {
    const certificate = await makeSelfSignedCertificate('cloud2.localhost', { days: 100 });
    const until = endOf(certificate);
    const subject = `service:${await peerWith(certificate)}`;
    const daysBefore = (days: number, seconds = 0) => new Date(until.getTime() - days * DAY_MS - seconds * 1000);

    await look(daysBefore(30, 1));
    expect(await alerts(subject)).toEqual([]);
    const stages: [number, string][] = [
      [30, 'warning'],
      [14, 'warning'],
      [7, 'critical'],
      [1, 'critical'],
    ];
    for (const [index, [days, level]] of stages.entries()) {
      if (index > 0) await look(daysBefore(days, 1));
      expect(await timesTold(subject)).toBe(index);
      for (const _time of [1, 2]) await Promise.all([look(daysBefore(days)), lookElsewhere(daysBefore(days))]);
      expect(await timesTold(subject)).toBe(index + 1);
      expect(await alerts(subject)).toMatchObject([{ level, details: { days }, times: index + 1 }]);
    }
    await look(until);
    expect(await timesTold(subject)).toBe(4);
    await look(new Date(until.getTime() + 1));
    expect(await timesTold(subject)).toBe(5);
    expect(await alerts(subject)).toMatchObject([
      {
        peer: subject.slice('service:'.length),
        level: 'critical',
        details: {
          certificate: 'federation certificate of https://cloud2.localhost:9',
          until: until.toISOString(),
          days: 0,
          fingerprint: pinOf(certificate),
          advice: expect.stringContaining('ask its operator for a new one'),
        },
      },
    ]);
  });

  it('is told of once by two nodes that look at the same moment, and not again after a restart', async () => {
    const subject = `service:${await peerWith(await makeSelfSignedCertificate('cloud2.localhost', { days: 20 }))}`;
    await Promise.all([1, 2, 3, 4].flatMap(() => [look(), lookElsewhere()]));
    await cloud.down();
    await cloud.up();
    await look();
    expect(await timesTold(subject)).toBe(1);
    expect(await alerts(subject)).toMatchObject([{ times: 1, level: 'warning', details: { days: 19 } }]);
  });

  it('is settled once one is in use that lasts longer, and told of anew when that one ends', async () => {
    const id = await peerWith(await makeSelfSignedCertificate('cloud2.localhost', { days: 5 }));
    await look();
    expect(await alerts(`service:${id}`)).toMatchObject([{ level: 'critical' }]);
    await renewed(id, 365);
    await look();
    expect(await alerts(`service:${id}`)).toEqual([]);
    expect(await alerts(`service:${id}`, 'settled')).toMatchObject([{ settledBy: 'system' }]);
    await renewed(id, 6);
    await look();
    expect(await timesTold(`service:${id}`)).toBe(2);
  });

  it('is not told of again at the stage that an operator has settled, but at the next', async () => {
    const id = await peerWith(await makeSelfSignedCertificate('cloud2.localhost', { days: 10 }));
    await look();
    const [alert] = await alerts(`service:${id}`);
    await cloud.json('POST', `/admin/alerts/${alert?.id}/settle`);
    await look();
    await lookElsewhere();
    expect(await alerts(`service:${id}`)).toEqual([]);
    await look(new Date(Date.now() + 4 * DAY_MS));
    expect(await alerts(`service:${id}`)).toMatchObject([{ level: 'critical' }]);
  });

  it('is no matter any more once the relationship has ended', async () => {
    const id = await peerWith(await makeSelfSignedCertificate('cloud2.localhost', { days: 10 }));
    await look();
    expect(await alerts(`service:${id}`)).toHaveLength(1);
    await cloud.json('DELETE', `/admin/services/${id}`);
    await look();
    expect(await alerts(`service:${id}`)).toEqual([]);
  });

  it('stands in the list of services with its end', async () => {
    const certificate = await makeSelfSignedCertificate('cloud2.localhost', { days: 40 });
    const id = await peerWith(certificate);
    const service = await cloud.json('GET', `/admin/services/${id}`);
    expect(service.certificateUntil).toBe(endOf(certificate).toISOString());
  });
});

describe('our own certificates', () => {
  it('are watched from the start: the federation certificate', async () => {
    await look();
    expect(await alerts('own:federation')).toMatchObject([
      { level: 'warning', peer: null, details: { days: 12, fingerprint: cloud.fingerprint } },
    ]);
    expect((await cloud.json('GET', '/admin/self')).federationCertificate).toMatchObject({
      fingerprint: cloud.fingerprint,
    });
  });

  it('are watched as each node shows them: the web certificate that ends first', async () => {
    const ending = await authority.issue('cloud1.localhost', { days: 3 });
    second.reloadWebCertificate({ certificate: ending.certificate, privateKey: new Secret(ending.privateKey) });
    const [alert] = await eventually('the other node tells', async () => {
      const open = await alerts('own:web');
      return open.length > 0 && open;
    });
    expect(alert).toMatchObject({
      level: 'critical',
      details: { certificate: 'our web certificate', until: endOf(ending).toISOString(), fingerprint: pinOf(ending) },
    });
    await look();
    expect(await alerts('own:web')).toMatchObject([{ times: 1 }]);

    const next = await authority.issue('cloud1.localhost');
    second.reloadWebCertificate({ certificate: next.certificate, privateKey: new Secret(next.privateKey) });
    await eventually('it is settled', async () => (await alerts('own:web')).length === 0);
    const { webCertificate } = await cloud.json<{ webCertificate: { until: string } }>('GET', '/admin/self');
    expect(Date.parse(webCertificate.until)).toBeGreaterThan(Date.now() + 300 * DAY_MS);
  });

  it('are forgotten with the node that showed them, at its end or three hours after its last word', async () => {
    const shown = () =>
      cloud.rows<{ node: string }>(`select node from federation.certificate_seen where subject = 'own:web'`);
    await lookElsewhere();
    expect(await shown()).toHaveLength(2);
    await second.stop();
    expect(await shown()).toHaveLength(1);
    second = await cloud.anotherNode();
    await cloud.rows(
      `insert into federation.certificate_seen (subject, node, fingerprint, ends_at, seen_at)
       values ('own:web', 'lost', 'sha256:lost', now() + interval '1 day', now() - interval '179 minutes')`,
    );
    await look();
    expect(await alerts('own:web')).toHaveLength(1);
    await cloud.rows(
      `update federation.certificate_seen set seen_at = now() - interval '181 minutes' where node = 'lost'`,
    );
    await look();
    expect(await alerts('own:web')).toEqual([]);
  });
});

describe("a peer's web certificate", () => {
  const callPeer = async (id: string) => {
    const endpoint = await cloud.get(PeerEndpoints).ofTrusted(id);
    if (!endpoint) throw new Error('not trusted');
    return cloud.get(PeerClient).send(endpoint, { method: 'POST', path: '/federation/ping' });
  };
  const seen = (id: string) =>
    cloud.rows<{ ends_at: Date; seen_at: Date }>('select * from federation.certificate_seen where peer = $1', id);

  it('is told of as we saw it when we called, and settled when a call has seen a longer one', async () => {
    const short = await authority.issue('cloud3.localhost', { days: 6 });
    peer.present(short);
    const { id } = await trusted(cloud, peer);
    await callPeer(id);
    const first = await eventually('it is noted', async () => (await seen(id))[0]);
    expect(first.ends_at).toEqual(endOf(short));
    await look();
    const subject = `service:${id}:web`;
    expect(await alerts(subject)).toMatchObject([
      { peer: id, level: 'critical', details: { until: endOf(short).toISOString(), fingerprint: pinOf(short) } },
    ]);
    expect(await alerts(`service:${id}`)).toEqual([]);

    peer.present(await authority.issue('cloud3.localhost'));
    peer.dropConnections();
    await callPeer(id);
    await eventually(
      'the longer one is noted',
      async () => (await seen(id))[0]?.ends_at.getTime() !== first.ends_at.getTime(),
    );
    await look();
    expect(await alerts(subject)).toEqual([]);
  });

  it('is written once a day at most, however often it is seen and whichever of several it is', async () => {
    const long = await authority.issue('cloud3.localhost', { days: 60 });
    peer.present(long);
    peer.dropConnections();
    const { id } = await trusted(cloud, peer);
    await callPeer(id);
    const first = await eventually('it is noted', async () => (await seen(id))[0]);
    for (const days of [5, 50]) {
      peer.present(await authority.issue('cloud3.localhost', { days }));
      peer.dropConnections();
      await callPeer(id);
    }
    await look();
    expect(await seen(id)).toEqual([first]);
  });
});
