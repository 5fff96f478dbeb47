import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What the last test of a relationship came to. Not in the row of the relationship, which calls of the peer hold while they
 * write: a test must not wait for them, nor they for it.
 */
export class Network1795200000200 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table federation.relationship_test (
      relationship_id text primary key references federation.relationship (id) on delete cascade,
      at timestamptz not null,
      ok boolean not null,
      step text,
      reason text
    )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table federation.relationship_test');
  }
}
