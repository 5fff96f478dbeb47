import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Accounts that were deleted a short while ago: what was under way for one of them must not outlive it. */
export class ForgottenAccounts1795100000310 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table federation.forgotten_account (
      account_id text primary key,
      forgotten_at timestamptz not null default now()
    )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table federation.forgotten_account');
  }
}
