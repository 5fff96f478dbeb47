import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Certificates that are known by being seen alone: what each node shows to the web, and what peers show there. */
export class CertificateWatch1795200000500 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table federation.certificate_seen (
      subject text not null,
      -- Which node of ours shows it; empty for those of peers, which any node sees.
      node text not null default '',
      peer text,
      fingerprint text not null,
      ends_at timestamptz not null,
      seen_at timestamptz not null default now(),
      primary key (subject, node)
    )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table federation.certificate_seen');
  }
}
