import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Installation, keys, trust, outbox and inbox, shares, notifications, credentials.
 * Ids are text, moments are timestamptz. Lengths that the edge checks in bytes are checked here again.
 */
export class Foundation1795000000100 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...KEYS, ...TRUST, ...OUTBOX, ...SHARES, ...CREDENTIALS]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table federation.api_token, federation.received_notification, federation.share_tombstone,
      federation.incoming_share, federation.outgoing_share, federation.inbox, federation.delivery,
      federation.trust_request, federation.relationship_domain, federation.relationship,
      federation.own_key, federation.installation`);
  }
}

const ENDED_TRUST = `('REVOKED', 'REJECTED')`;

const KEYS = [
  `create table federation.installation (
    id text primary key check (id = 'self'),
    seal_key_fingerprint text not null,
    created_at timestamptz not null default now()
  )`,
  `create table federation.own_key (
    pin text primary key,
    certificate text not null,
    private_key_sealed text not null,
    created_at timestamptz not null default now(),
    retired_at timestamptz
  )`,
  `create unique index own_key_current on federation.own_key ((true)) where retired_at is null`,
];

const TRUST = [
  `create table federation.relationship (
    id text primary key,
    origin text not null check (octet_length(origin) <= 300),
    endpoint text not null check (octet_length(endpoint) <= 300),
    display_name text not null default '' check (octet_length(display_name) <= 255),
    state text not null check (state in ('REQUESTED', 'CONFIRMING', 'TRUSTED', 'SUSPENDED', 'REVOKED', 'REJECTED')),
    reason text,
    since timestamptz not null default now(),
    pin text,
    certificate text,
    expected_fingerprint text,
    code_hash text,
    code_sealed text,
    code_used_by text,
    own_reference text not null unique,
    peer_reference text,
    policy jsonb not null default '{}',
    created_at timestamptz not null default now(),
    check (state not in ('TRUSTED', 'SUSPENDED') or pin is not null)
  )`,
  `create unique index relationship_origin on federation.relationship (origin) where state not in ${ENDED_TRUST}`,
  `create unique index relationship_pin on federation.relationship (pin) where pin is not null and state not in ${ENDED_TRUST}`,
  `create table federation.relationship_domain (
    relationship_id text not null references federation.relationship (id),
    domain text not null check (octet_length(domain) <= 253),
    status text not null check (status in ('effective', 'proposed', 'ended')),
    primary key (relationship_id, domain)
  )`,
  `create index relationship_domain_effective on federation.relationship_domain (domain) where status = 'effective'`,
  `create table federation.trust_request (
    id text primary key,
    origin text not null check (octet_length(origin) <= 300),
    endpoint text not null check (octet_length(endpoint) <= 300),
    pin text not null,
    certificate text not null,
    display_name text not null check (octet_length(display_name) <= 255),
    domains jsonb not null,
    code_hash text not null,
    code_sealed text not null,
    network text not null,
    state text not null check (state in ('pending', 'confirming', 'ended')),
    outcome text,
    relationship_id text,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null default now() + interval '14 days',
    unique (origin, pin)
  )`,
  `create index trust_request_age on federation.trust_request (expires_at)`,
  `create index trust_request_relationship on federation.trust_request (relationship_id)`,
  `create index trust_request_pending on federation.trust_request (created_at) where state = 'pending'`,
];

const OUTBOX = [
  `create table federation.delivery (
    id text primary key,
    position bigint generated always as identity,
    kind text not null,
    peer text not null,
    ordering_key text not null,
    meaning jsonb not null,
    sealed text,
    state text not null check (state in ('waiting', 'delivered', 'refused', 'expired', 'cancelled')),
    attempts integer not null default 0,
    due_at timestamptz not null default now(),
    expires_at timestamptz not null,
    lease_until timestamptz,
    fence bigint not null default 0,
    reason text,
    created_at timestamptz not null default now(),
    settled_at timestamptz,
    check (sealed is null or state = 'waiting')
  )`,
  `create index delivery_due on federation.delivery (due_at, position) where state = 'waiting'`,
  `create index delivery_order on federation.delivery (ordering_key, position) where state = 'waiting'`,
  `create index delivery_peer on federation.delivery (peer) where state = 'waiting'`,
  `create table federation.inbox (
    peer text not null,
    key text not null check (octet_length(key) <= 255),
    digest text not null,
    answer jsonb,
    created_at timestamptz not null default now(),
    primary key (peer, key)
  )`,
  `create index inbox_age on federation.inbox (created_at)`,
];

const SHARES = [
  `create table federation.outgoing_share (
    id text primary key,
    relationship_id text not null,
    share_id text not null unique,
    owner text not null check (octet_length(owner) <= 320),
    owner_account text not null,
    share_with text not null check (octet_length(share_with) <= 320),
    resource_id text not null check (octet_length(resource_id) <= 255),
    name text not null check (octet_length(name) <= 255),
    description text check (octet_length(description) <= 2048),
    permission text not null check (permission in ('read', 'read_write', 'admin')),
    expires_at timestamptz,
    state text not null check (state in ('pending-delivery', 'pending', 'accepted', 'declined', 'left', 'withdrawn', 'expired', 'failed')),
    reason text,
    token_hash text,
    remote_id text check (octet_length(remote_id) <= 255),
    sequence bigint not null default 0,
    delivery_id text,
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now()
  )`,
  `create unique index outgoing_share_token on federation.outgoing_share (token_hash) where token_hash is not null`,
  `create index outgoing_share_owner on federation.outgoing_share (owner_account, created_at desc, id desc)`,
  `create index outgoing_share_list on federation.outgoing_share (created_at desc, id desc)`,
  `create index outgoing_share_peer on federation.outgoing_share (relationship_id, resource_id)`,
  `create table federation.incoming_share (
    id text primary key,
    relationship_id text not null,
    share_id text check (octet_length(share_id) <= 255),
    provider_id text not null check (octet_length(provider_id) <= 255),
    owner text not null check (octet_length(owner) <= 320),
    share_with text not null check (octet_length(share_with) <= 320),
    recipient_account text not null,
    name text not null check (octet_length(name) <= 255),
    description text check (octet_length(description) <= 2048),
    permission text not null check (permission in ('read', 'read_write', 'admin')),
    expires_at timestamptz,
    state text not null check (state in ('pending', 'accepted', 'declined', 'left', 'revoked', 'expired')),
    reason text,
    confirmed boolean not null default false,
    protocol_names jsonb not null,
    protocols_sealed text,
    offer_digest text not null,
    sequence bigint not null default 0,
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    check (protocols_sealed is null or state in ('pending', 'accepted', 'expired'))
  )`,
  `create unique index incoming_share_offer on federation.incoming_share (relationship_id, share_id) where share_id is not null`,
  `create unique index incoming_share_plain on federation.incoming_share (relationship_id, provider_id, recipient_account)
    where share_id is null and state in ('pending', 'accepted')`,
  `create index incoming_share_provider on federation.incoming_share (relationship_id, provider_id)`,
  `create index incoming_share_recipient on federation.incoming_share (recipient_account, created_at desc, id desc)`,
  `create index incoming_share_list on federation.incoming_share (created_at desc, id desc)`,
  `create table federation.share_tombstone (
    relationship_id text not null,
    share_id text not null check (octet_length(share_id) <= 255),
    created_at timestamptz not null default now(),
    primary key (relationship_id, share_id)
  )`,
  `create table federation.received_notification (
    id text primary key,
    relationship_id text not null,
    type text not null check (octet_length(type) <= 255),
    content jsonb not null,
    created_at timestamptz not null default now()
  )`,
  `create index received_notification_peer on federation.received_notification (relationship_id, created_at, id)`,
];

const CREDENTIALS = [
  `create table federation.api_token (
    id text primary key,
    role text not null check (role in ('operator', 'host', 'auditor')),
    label text not null check (octet_length(label) <= 255),
    token_hash text not null unique,
    created_at timestamptz not null default now(),
    last_used_at timestamptz,
    revoked_at timestamptz
  )`,
];
