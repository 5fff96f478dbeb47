import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a relationship says of itself, deliveries that wait for as long as a peer is suspended, and how often a peer called. */
export class Life1795200000100 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table federation.peer_call, federation.delivery_hold');
    await runner.query('alter table federation.installation drop column told_profile');
    await runner.query(`alter table federation.relationship drop column review_at, drop column security_contact,
      drop column proposed_security_contact, drop column proposed_display_name`);
  }
}

const STATEMENTS = [
  `alter table federation.relationship
    add column review_at timestamptz,
    add column security_contact text check (octet_length(security_contact) <= 320),
    add column proposed_display_name text check (octet_length(proposed_display_name) <= 255),
    add column proposed_security_contact text check (octet_length(proposed_security_contact) <= 320)`,
  'alter table federation.installation add column told_profile jsonb',
  `create table federation.delivery_hold (
    peer text primary key,
    since timestamptz not null default now()
  )`,
  // Not logged: a count costs no write to disk, and to forget it in a crash gives a peer one more minute.
  `create unlogged table federation.peer_call (
    relationship_id text primary key,
    minute timestamptz not null,
    count integer not null
  )`,
];
