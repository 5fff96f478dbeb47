import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from '../persistence/connection.js';

export const TRUST_STATES = ['REQUESTED', 'CONFIRMING', 'TRUSTED', 'SUSPENDED', 'REVOKED', 'REJECTED'] as const;
export type TrustState = (typeof TRUST_STATES)[number];

/** What our operator allows this peer beyond the defaults of the whole cloud. */
export interface PeerPolicy {
  readonly acceptInvitations?: 'ask' | 'auto';
  /** A plain OCM 0.0.3 peer whose 201 names no state has accepted. */
  readonly implicitAcceptance?: boolean;
  /** How our offers to it are spelt; default `powerfolder`. What it sends is recognised by the body, whatever stands here. */
  readonly flavour?: 'powerfolder' | 'plain';
  /** What it may do with us at all; false turns it off, in both directions. */
  readonly sharing?: boolean;
  readonly login?: boolean;
  readonly discovery?: boolean;
  /** How often it may call us, all nodes taken together; no limit by default. */
  readonly rate?: { readonly requestsPerMinute: number };
}

/** Us and one other cloud, from our request or our acceptance to the end. A cloud that comes back gets a new row. */
@Entity({ name: 'relationship', schema: SCHEMA })
export class RelationshipRow {
  @PrimaryColumn('text') id: string;
  @Column('text') origin: string;
  /** Where its federation calls arrive; the host is the origin's. */
  @Column('text') endpoint: string;
  @Column('text', { default: '' }) displayName: string;
  @Column('text') state: TrustState;
  @Column('text', { nullable: true }) reason: string | null;
  @Column('timestamptz', { default: () => 'now()' }) since: Date;
  /** Of its federation key; known from the moment of trust on. */
  @Column('text', { nullable: true }) pin: string | null;
  /** PEM, as presented when trust arose, or as our operator gave it. */
  @Column('text', { nullable: true }) certificate: string | null;
  /** What our operator typed when adding it. */
  @Column('text', { nullable: true }) expectedFingerprint: string | null;
  /** Of the code in our own request. */
  @Column('text', { nullable: true }) codeHash: string | null;
  /** The code itself, sealed, as long as our request may still have to be cancelled with it. */
  @Column('text', { nullable: true }) codeSealed: string | null;
  /** Pin of the certificate that quoted our code. */
  @Column('text', { nullable: true }) codeUsedBy: string | null;
  /** Names this relationship, and not an earlier one, when either side ends it: ours, and the one we were told. */
  @Column('text') ownReference: string;
  @Column('text', { nullable: true }) peerReference: string | null;
  @Column('jsonb', { default: {} }) policy: PeerPolicy;
  /** When our operator means to look at it again. */
  @Column('timestamptz', { nullable: true }) reviewAt: Date | null;
  /** Whom to tell of an incident: an e-mail address, or a URL. As our operator set it. */
  @Column('text', { nullable: true }) securityContact: string | null;
  /** What the peer would like to be called, and whom it names: nothing of it holds before our operator has said so. */
  @Column('text', { nullable: true }) proposedDisplayName: string | null;
  @Column('text', { nullable: true }) proposedSecurityContact: string | null;
  @Column('timestamptz', { default: () => 'now()' }) createdAt: Date;
}

/** A domain of a peer. Only `effective` ones count for owners, lookup and login. */
@Entity({ name: 'relationship_domain', schema: SCHEMA })
export class RelationshipDomainRow {
  @PrimaryColumn('text') relationshipId: string;
  @PrimaryColumn('text') domain: string;
  @Column('text') status: 'effective' | 'proposed' | 'ended';
}

/**
 * What a stranger claims: to be `origin`, and to want trust. Kept apart from relationships until our operator answers;
 * its certificate becomes a pin only when the claimed origin itself has confirmed it.
 */
@Entity({ name: 'trust_request', schema: SCHEMA })
export class TrustRequestRow {
  @PrimaryColumn('text') id: string;
  @Column('text') origin: string;
  @Column('text') endpoint: string;
  @Column('text') pin: string;
  @Column('text') certificate: string;
  @Column('text') displayName: string;
  @Column('jsonb') domains: string[];
  @Column('text') codeHash: string;
  /** What our confirmation has to quote. */
  @Column('text') codeSealed: string;
  /** Where it came from: an IPv4 address or an IPv6 /64. */
  @Column('text') network: string;
  @Column('text') state: 'pending' | 'confirming' | 'ended';
  @Column('text', { nullable: true }) outcome: string | null;
  @Column('text', { nullable: true }) relationshipId: string | null;
  @Column('timestamptz', { default: () => 'now()' }) createdAt: Date;
  @Column('timestamptz', { default: () => "now() + interval '14 days'" }) expiresAt: Date;
}
