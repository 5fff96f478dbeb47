/**
 * What the audit trail costs: small transactions with and without an entry, by turns, on a PostgreSQL that survives the
 * loss of power, while the sealer works. Prints ratios; takes about 20 seconds. Run `npm run build` first.
 */
import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AuditModule } from '../dist/audit/audit.module.js';
import { AuditSealer } from '../dist/audit/audit-sealer.js';
import { AuditTrail } from '../dist/audit/audit-trail.js';
import { VerifyChain } from '../dist/audit/verify-chain.js';
import { OwnCloud } from '../dist/host/own-cloud.js';
import { Secret } from '../dist/kernel/secret.js';
import { PersistenceModule } from '../dist/persistence/persistence.module.js';
import { Transactions } from '../dist/persistence/transactions.js';
import { startEmbeddedPostgres } from '../dist/standalone/embedded-postgres.js';

const WRITERS = 8;
const ROUNDS = 5;
const ROUND_MS = 500;

class Options {}
class Bench {}
Module({})(Options);

const dataDir = mkdtempSync(path.join(os.tmpdir(), 'entente-bench-'));
const postgres = await startEmbeddedPostgres({ dataDir });
const cloud = new OwnCloud({
  publicOrigin: 'https://cloud1.localhost',
  database: { url: postgres.url },
  sealKey: randomBytes(32),
  adminToken: new Secret('x'.repeat(32)),
});
const provider = { provide: OwnCloud, useValue: cloud };
const host = { module: Options, global: true, providers: [provider], exports: [OwnCloud] };
Module({ imports: [host, PersistenceModule, AuditModule] })(Bench);
const app = await NestFactory.createApplicationContext(Bench, { logger: ['warn', 'error'] });

try {
  const transactions = app.get(Transactions);
  const trail = app.get(AuditTrail);
  let serial = 0;

  /** The least that an act can be: one insert, so that an entry doubles the statements. */
  const smallest = () =>
    transactions.query('insert into federation.share_tombstone (relationship_id, share_id) values ($1, $2)', [
      'r',
      `s${serial++}`,
    ]);
  /** What acts mostly are: lock a row, change it, enqueue a delivery. */
  const usual = async (writer) => {
    const id = `share-${writer}`;
    await transactions.query('select state from federation.outgoing_share where id = $1 for update', [id]);
    await transactions.query(
      `update federation.outgoing_share set sequence = sequence + 1, permission = 'read', changed_at = now() where id = $1`,
      [id],
    );
    await transactions.query(
      `insert into federation.delivery (id, kind, peer, ordering_key, meaning, state, expires_at)
       values ($1, 'notification', 'r', $2, $3, 'waiting', now() + interval '7 days')`,
      [`d${serial++}`, id, JSON.stringify({ type: 'SHARE_PERMISSION_CHANGED', permission: 'read' })],
    );
  };
  const entry = () =>
    trail.record({ action: 'share.changed', object: `share:s${serial}`, peer: 'r', details: { permission: 'read' } });
  const plain = (act) => (writer) => transactions.run(() => act(writer));
  const audited = (act) => (writer) =>
    transactions.run(async () => {
      await act(writer);
      await entry();
    });

  await transactions.query(
    `insert into federation.outgoing_share (id, relationship_id, share_id, owner, owner_account, share_with, resource_id, name, permission, state)
     select 'share-' || n, 'r', 's' || n, 'a@b', 'a', 'c@d', 'f', 'f', 'read', 'accepted' from generate_series(0, $1::int) n`,
    [WRITERS],
  );

  const persecond = async (work, writers) => {
    const end = performance.now() + ROUND_MS;
    const counts = await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        let count = 0;
        for (; performance.now() < end; count++) await work(writer);
        return count;
      }),
    );
    return (counts.reduce((sum, count) => sum + count) * 1_000) / ROUND_MS;
  };
  const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

  for (const act of [smallest, usual]) await persecond(audited(act), WRITERS);
  for (const [name, act, writers] of [
    ['smallest act, 1 writer', smallest, 1],
    [`smallest act, ${WRITERS} writers`, smallest, WRITERS],
    [`usual act, ${WRITERS} writers`, usual, WRITERS],
  ]) {
    const rounds = [];
    for (let round = 0; round < ROUNDS; round++) {
      rounds.push({ without: await persecond(plain(act), writers), with: await persecond(audited(act), writers) });
    }
    const ratio = median(rounds.map((round) => round.with / round.without));
    const rates = rounds.map((round) => `${Math.round(round.with)}/${Math.round(round.without)}`).join(' ');
    console.log(`${name}: with an entry ${ratio.toFixed(2)} of without (transactions/s: ${rates})`);
  }

  await app.get(AuditSealer).sealAll();
  await transactions.run(async () => {
    for (let at = 0; at < 2_000; at++) await entry();
  });
  let started = performance.now();
  const sealed = await app.get(AuditSealer).sealAll();
  console.log(`sealing: ${Math.round((sealed * 1_000) / (performance.now() - started))} entries/s`);
  started = performance.now();
  const verdict = await app.get(VerifyChain).execute();
  console.log(
    `verifying: ${Math.round((verdict.length * 1_000) / (performance.now() - started))} entries/s (${verdict.verdict})`,
  );
} finally {
  await app.close();
  await postgres.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
