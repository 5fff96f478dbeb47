import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What the host was answered under which key; a failed share and the one that took its place; whether the end of a
 * share's time was told; how a share is spelt to its peer; withdrawals of shares that have no id of their own;
 * lengths of what others write that were left open: sealed, or in JSON.
 */
export class Sharing1795100000100 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table federation.host_call, federation.plain_tombstone');
    for (const [table, name] of LENGTHS) {
      await runner.query(`alter table federation.${table} drop constraint ${name}`);
    }
    await runner.query(`alter table federation.outgoing_share drop column resent_as, drop column expiry_told,
      drop column flavour`);
    await runner.query('alter table federation.incoming_share drop column expiry_told');
  }
}

/** 64 KiB of protocols and 128 bytes of code, sealed; a message of 1,000 characters, and all that stands beside it. */
const LENGTHS = [
  ['incoming_share', 'incoming_share_protocols_length', 'octet_length(protocols_sealed) <= 98304'],
  ['trust_request', 'trust_request_code_length', 'octet_length(code_sealed) <= 255'],
  ['received_notification', 'received_notification_message_length', `octet_length(content ->> 'message') <= 4000`],
  ['received_notification', 'received_notification_length', 'octet_length(content::text) <= 16384'],
] as const;

const STATEMENTS = [
  ...LENGTHS.map(([table, name, check]) => `alter table federation.${table} add constraint ${name} check (${check})`),
  `create table federation.host_call (
    credential text not null check (octet_length(credential) <= 255),
    key text not null check (octet_length(key) <= 255),
    digest text not null,
    answer text,
    created_at timestamptz not null default now(),
    primary key (credential, key)
  )`,
  `create index host_call_age on federation.host_call (created_at)`,
  `alter table federation.outgoing_share add column resent_as text, add column expiry_told boolean not null default false,
    add column flavour text not null default 'powerfolder' check (flavour in ('powerfolder', 'plain'))`,
  `update federation.outgoing_share s set flavour = 'plain' from federation.relationship r
    where r.id = s.relationship_id and r.policy ->> 'flavour' = 'plain'`,
  `alter table federation.incoming_share add column expiry_told boolean not null default false`,
  `create index outgoing_share_expiry on federation.outgoing_share (expires_at)
    where not expiry_told and expires_at is not null and state in ('pending-delivery', 'pending', 'accepted')`,
  `create index incoming_share_expiry on federation.incoming_share (expires_at)
    where not expiry_told and expires_at is not null and state in ('pending', 'accepted')`,
  `create table federation.plain_tombstone (
    relationship_id text not null,
    provider_id text not null check (octet_length(provider_id) <= 255),
    share_with text not null check (octet_length(share_with) <= 320),
    created_at timestamptz not null default now(),
    primary key (relationship_id, provider_id, share_with)
  )`,
];
