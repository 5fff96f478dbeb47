import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The audit trail: entries and the chain over them are append-only, which triggers hold even against the schema's owner
 * as long as nobody disables them; the chain shows if somebody did.
 */
export class Audit1795000000200 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...TRAIL, ...CHAIN, ...APPEND_ONLY, ...REFUSALS]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table federation.audit_refusal, federation.audit_head, federation.audit_link,
      federation.audit_pending, federation.audit_entry`);
    await runner.query(`drop function federation.refuse_change()`);
  }
}

const TRAIL = [
  `create table federation.audit_entry (
    id text primary key,
    at timestamptz not null default clock_timestamp(),
    node text not null,
    actor_kind text not null check (actor_kind in ('operator', 'host', 'peer', 'stranger', 'system')),
    actor text not null,
    action text not null,
    object text not null,
    peer text,
    outcome text not null check (outcome in ('done', 'refused')),
    details jsonb not null default '{}' check (jsonb_typeof(details) = 'object'),
    request_id text not null,
    row_hash text not null
  )`,
  `create index audit_entry_list on federation.audit_entry (at desc, id desc)`,
  `create index audit_entry_action on federation.audit_entry (action, at desc, id desc)`,
  `create index audit_entry_object on federation.audit_entry (object, at desc, id desc)`,
  `create index audit_entry_peer on federation.audit_entry (peer, at desc, id desc) where peer is not null`,
  `create table federation.audit_pending (
    entry_id text primary key,
    position bigint generated always as identity
  )`,
  `create index audit_pending_order on federation.audit_pending (position)`,
];

const CHAIN = [
  `create table federation.audit_link (
    position bigint primary key check (position > 0),
    entry_id text not null unique,
    hash text not null
  )`,
  `create table federation.audit_head (
    id text primary key check (id = 'self'),
    position bigint not null,
    hash text not null,
    proof text not null
  )`,
];

// Statement triggers refuse even what would touch no row; "always" holds for replicated sessions too.
const APPEND_ONLY = [
  `create function federation.refuse_change() returns trigger language plpgsql as $$
    begin
      raise exception '% on %.% is refused: the table is append-only', tg_op, tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege';
    end
  $$`,
  ...['audit_entry', 'audit_link'].flatMap((table) => [
    `create trigger append_only before update or delete or truncate on federation.${table}
      for each statement execute function federation.refuse_change()`,
    `alter table federation.${table} enable always trigger append_only`,
  ]),
];

const REFUSALS = [
  `create table federation.audit_refusal (
    reason text not null,
    network text not null,
    hour timestamptz not null,
    count bigint not null,
    primary key (reason, network, hour)
  )`,
  `create index audit_refusal_hour on federation.audit_refusal (hour)`,
];
