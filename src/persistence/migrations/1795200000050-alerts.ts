import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What an operator has to look at: one open row per kind and subject, however often it happens. */
export class Alerts1795200000050 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table federation.alert (
      id text primary key,
      kind text not null,
      subject text not null,
      peer text,
      level text not null check (level in ('warning', 'critical')),
      stage text not null default '',
      details jsonb not null default '{}',
      times integer not null default 1,
      raised_at timestamptz not null default clock_timestamp(),
      last_raised_at timestamptz not null default clock_timestamp(),
      settled_at timestamptz,
      settled_by text
    )`);
    await runner.query('create unique index alert_open on federation.alert (kind, subject) where settled_at is null');
    await runner.query('create index alert_page on federation.alert (raised_at desc, id desc)');
    await runner.query('create index alert_peer on federation.alert (peer) where settled_at is null');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table federation.alert');
  }
}
