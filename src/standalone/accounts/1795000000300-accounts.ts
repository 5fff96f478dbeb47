import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Accounts, their e-mail addresses, and the sessions of people from other clouds. */
export class Accounts1795000000300 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table federation.account (
      id text primary key,
      username text not null unique check (octet_length(username) <= 320),
      display_name text not null check (octet_length(display_name) between 1 and 255),
      password_hash text,
      created_at timestamptz not null default now()
    )`);
    await runner.query(`create index account_list on federation.account (created_at desc, id desc)`);
    await runner.query(`create table federation.account_email (
      email text primary key check (octet_length(email) <= 320),
      account_id text not null references federation.account (id) on delete cascade
    )`);
    await runner.query(`create index account_email_account on federation.account_email (account_id)`);
    await runner.query(`create table federation.foreign_session (
      id_hash text primary key,
      home text not null check (octet_length(home) <= 300),
      subject text not null check (octet_length(subject) <= 255),
      username text not null check (octet_length(username) <= 320),
      display_name text not null check (octet_length(display_name) <= 255),
      created_at timestamptz not null default now(),
      ended_at timestamptz
    )`);
    await runner.query(`create index foreign_session_home on federation.foreign_session (home) where ended_at is null`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table federation.foreign_session, federation.account_email, federation.account');
  }
}
