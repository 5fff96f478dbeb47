import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningFederation } from '../../src/operations/server.js';
import { CertificateAuthority, type IssuedCertificate } from '../../src/transport/certificates.js';
import { auditOf, bodyOf, offer, randomName } from '../shares/support.js';
import { ScriptedPeer } from '../shares/trusted-peer.js';
import { ADMIN_TOKEN, eventually, TestCloud } from '../support/cloud.js';
import { call } from '../support/hostile-peer.js';

const CALLS = 50;

describe('one call that is made many times at once, on two nodes, while answers are lost', () => {
  let cloud: TestCloud;
  let second: RunningFederation;
  let peer: ScriptedPeer;
  let bob: string;
  let ports: number[];

  beforeAll(async () => {
    const authority = await CertificateAuthority.create('Test CA');
    cloud = await TestCloud.start({ name: 'cloud2', authority });
    second = await cloud.anotherNode();
    ports = [Number(new URL(cloud.origin).port), second.describe().ports.public];
    bob = await cloud.createAccount('bob');
    cloud.makeResource(bob, 'notes');
    peer = await ScriptedPeer.trustedBy(cloud, authority, 'cloud1');
  });
  afterAll(async () => {
    await second?.stop();
    await Promise.all([cloud?.stop(), peer?.stop()]);
  });

  interface Call {
    readonly path: string;
    readonly body: object;
    readonly headers?: Record<string, string>;
    readonly as?: IssuedCertificate;
  }

  /** Sends the whole of it, and goes away without waiting for an answer. */
  async function shout(port: number, { path, body, headers = {}, as }: Call): Promise<void> {
    const text = JSON.stringify(body);
    const { host } = new URL(cloud.origin);
    const said = { host, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers };
    const lines = Object.entries(said).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      cert: as?.certificate,
      key: as?.privateKey,
    });
    socket.on('error', () => undefined); // it is we who go away
    await once(socket, 'secureConnect');
    await new Promise((resolve) => socket.write(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${text}`, resolve));
    await pause(Math.random() * 30);
    socket.destroy();
  }

  /** Half of the calls on each node; of every third the answer is lost. Gives the answers that were read. */
  async function storm({ path, body, headers, as }: Call) {
    const { host } = new URL(cloud.origin);
    const calls = Array.from({ length: CALLS }, (_, at) => {
      const port = ports[at % 2] ?? 0;
      if (at % 3 === 0) return shout(port, { path, body, headers, as });
      return call(`https://${cloud.host}:${port}`, { method: 'POST', path, body, as, headers: { ...headers, host } });
    });
    return (await Promise.all(calls)).filter((answer) => answer !== undefined);
  }

  it.each<[string, () => Record<string, string> | undefined]>([
    ['without a key', () => undefined],
    ['under one key', () => ({ 'idempotency-key': randomName() })],
  ])('an offer %s is one share, told once, and every answer names it', async (_, headersOf) => {
    const body = offer(peer, bob);
    const asked: Call = { path: '/shares', body, headers: headersOf(), as: peer.server.credential };
    const answers = await storm(asked);
    expect(answers.length).toBeGreaterThan(CALLS / 2);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ text, headers }) => `${headers.location} ${text}`)).size).toBe(1);
    const { id } = bodyOf(answers[0] ?? (await peer.get('/shares')));
    const rows = () => cloud.rows('select id from federation.incoming_share where share_id = $1', body.shareId);
    // Those whose answers nobody read may still be under way.
    await pause(200);
    expect(await rows()).toEqual([{ id }]);
    const told = await cloud.rows(
      `select id from federation.delivery where kind = 'host-event' and meaning->>'share' = $1`,
      id,
    );
    expect(told).toHaveLength(1);
    expect((await auditOf(cloud, String(id))).map(({ action }) => action)).toEqual(['share.offered']);
    const late = await peer.post('/shares', body, asked.headers);
    expect([late.status, bodyOf(late).id]).toEqual([201, id]);
  });

  it('offers under one id that are not the same: one is taken, and the others know it', async () => {
    const shareId = randomName();
    const bodies = Array.from({ length: 20 }, (_, at) => offer(peer, bob, { shareId, name: `version ${at % 4}` }));
    const answers = await Promise.all(bodies.map((body) => peer.post('/shares', body)));
    const statuses = answers.map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([201, 409]));
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    const rows = await cloud.rows('select name from federation.incoming_share where share_id = $1', shareId);
    expect(rows).toEqual([{ name: `version ${statuses.indexOf(201) % 4}` }]);
  });

  it('a message under one key has one effect, and one answer', async () => {
    const { shareId } = bodyOf(await peer.post('/shares', offer(peer, bob)));
    const body = { type: 'SHARE_PERMISSION_CHANGED', shareId, permission: 'admin' };
    const headers = { 'idempotency-key': randomName() };
    const answers = await storm({ path: '/notifications', body, headers, as: peer.server.credential });
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(201);
    const kept = await cloud.rows(
      `select id from federation.received_notification where content->>'shareId' = $1`,
      shareId,
    );
    expect(kept).toHaveLength(1);
  });

  it('a share of the host under one key is offered once', async () => {
    const shareWith = `carol-${randomName()}@${peer.host}`;
    const body = { owner: bob, shareWith, name: 'Notes', resourceId: 'notes', permission: 'read' };
    const headers = { 'idempotency-key': randomName(), authorization: `Bearer ${ADMIN_TOKEN}` };
    const answers = await storm({ path: '/api/v1/shares/outgoing', body, headers });
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const sent = () => peer.received('/shares').filter(({ body: text }) => text.includes(shareWith));
    await eventually('it is offered', async () => sent().length > 0);
    await pause(200);
    expect(sent()).toHaveLength(1);
    expect(await cloud.rows('select id from federation.outgoing_share where share_with = $1', shareWith)).toHaveLength(
      1,
    );
  });
});
