import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Peers' keys and ours, while they change. `relationship.pin` and `own_key` go on naming the one that holds now. */
export class Rotation1795200000300 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...PEER_KEYS, ...OWN_KEYS]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table federation.own_rotation_peer, federation.own_rotation, federation.presented_key');
    await runner.query('alter table federation.own_key drop column made_here');
    await runner.query('drop trigger relationship_key on federation.relationship');
    await runner.query('drop function federation.keep_current_key()');
    await runner.query('drop table federation.relationship_key');
    await runner.query('drop index federation.relationship_host');
  }
}

const PEER_KEYS = [
  // One key belongs to one relationship that has not ended, in whatever role: that is the primary key.
  `create table federation.relationship_key (
    pin text primary key,
    relationship_id text not null references federation.relationship (id) on delete cascade,
    role text not null check (role in ('current', 'announced', 'retiring')),
    certificate text check (octet_length(certificate) <= 16384),
    switch_by timestamptz,
    valid_until timestamptz,
    check (role <> 'announced' or (certificate is not null and switch_by is not null))
  )`,
  `create unique index relationship_key_role on federation.relationship_key (relationship_id, role)`,
  `insert into federation.relationship_key (pin, relationship_id, role)
   select pin, id, 'current' from federation.relationship where pin is not null and state not in ('REVOKED', 'REJECTED')`,
  // Kept by the database, so that no act can pin or end and forget it, a node of the release before this one included.
  `create function federation.keep_current_key() returns trigger language plpgsql as $$
  begin
    if new.pin is null or new.state in ('REVOKED', 'REJECTED') then
      delete from federation.relationship_key where relationship_id = new.id;
    elsif not exists (select from federation.relationship_key
        where pin = new.pin and relationship_id = new.id and role = 'current') then
      delete from federation.relationship_key where relationship_id = new.id and (role = 'current' or pin = new.pin);
      insert into federation.relationship_key (pin, relationship_id, role) values (new.pin, new.id, 'current');
    end if;
    return null;
  end $$`,
  `create trigger relationship_key after insert or update of pin, state on federation.relationship
   for each row execute function federation.keep_current_key()`,
  `create index relationship_host on federation.relationship ((substring(origin from '^https://([^:/]+)')))
   where state in ('TRUSTED', 'SUSPENDED')`,
  // What was last shown by somebody who claims to be the peer, for our operator to compare.
  `create table federation.presented_key (
    relationship_id text primary key references federation.relationship (id) on delete cascade,
    pin text not null,
    certificate text not null check (octet_length(certificate) <= 16384),
    network text not null,
    at timestamptz not null default now()
  )`,
];

const OWN_KEYS = [
  // Null: from before this was written down.
  'alter table federation.own_key add column made_here boolean',
  `create table federation.own_rotation (
    id text primary key,
    pin text not null unique,
    certificate text not null,
    private_key_sealed text,
    switch_by timestamptz not null,
    started_at timestamptz not null default now(),
    ended_at timestamptz,
    outcome text check (outcome in ('switched', 'cancelled')),
    check ((ended_at is null) = (outcome is null)),
    check ((ended_at is null) = (private_key_sealed is not null))
  )`,
  'create unique index own_rotation_open on federation.own_rotation ((true)) where ended_at is null',
  `create table federation.own_rotation_peer (
    rotation_id text not null references federation.own_rotation (id),
    relationship_id text not null references federation.relationship (id) on delete cascade,
    told_at timestamptz,
    reason text,
    primary key (rotation_id, relationship_id)
  )`,
  'create index own_rotation_peer_relationship on federation.own_rotation_peer (relationship_id)',
];
