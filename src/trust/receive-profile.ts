import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { parseDomainName } from '../kernel/domain-name.js';
import { ValidationFailed } from '../kernel/federation-error.js';
import { Transactions } from '../persistence/transactions.js';
import type { ProfileDto, ProposedProfileDto } from './profile.dto.js';
import { isDisplayName } from './profile-rules.js';
import { ProposeDomains } from './propose-domains.js';
import type { RelationshipRow } from './relationship.entity.js';
import { RelationshipLife } from './relationship-life.js';
import { Relationships } from './relationships.js';
import type { TrustedPeer } from './trusted-peer.js';

/**
 * A peer says what it would like to be called, what it speaks for and whom to tell of an incident. All of it waits for our
 * operator: nothing that a peer says of itself takes effect. The same profile twice changes nothing.
 */
@Injectable()
export class ReceiveProfile {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly life: RelationshipLife,
    private readonly proposeDomains: ProposeDomains,
    private readonly audit: AuditTrail,
  ) {}

  /** @returns what waits now @throws ValidationFailed, CallerNotTrusted, PeerSuspended */
  execute(peer: TrustedPeer, profile: ProfileDto): Promise<ProposedProfileDto> {
    const domains = parse(profile);
    return this.transactions.run(async () => {
      const row = await this.relationships.lock(peer.id);
      await this.relationships.holdTrusted(peer, 'trust');
      const isNews = await this.propose(row, profile);
      const isNewDomain = await this.proposeDomains.replace(row, domains);
      if (isNews || isNewDomain) await this.record(row, domains);
      const { proposedDisplayName, proposedSecurityContact } = row;
      return {
        displayName: proposedDisplayName,
        domains: await this.proposeDomains.waiting(row),
        securityContact: proposedSecurityContact,
      };
    });
  }

  /** What is so already is no proposal. @returns whether anything changed */
  private async propose(row: RelationshipRow, { displayName, securityContact }: ProfileDto): Promise<boolean> {
    const proposedDisplayName = displayName === row.displayName ? null : displayName;
    const contact = securityContact ?? null;
    const proposedSecurityContact = contact === row.securityContact ? null : contact;
    const isKnown =
      proposedDisplayName === row.proposedDisplayName && proposedSecurityContact === row.proposedSecurityContact;
    if (!isKnown) await this.life.update(row, { proposedDisplayName, proposedSecurityContact });
    return !isKnown;
  }

  private record(row: RelationshipRow, domains: readonly string[]): Promise<void> {
    const { id, proposedDisplayName, proposedSecurityContact } = row;
    const details = {
      displayName: proposedDisplayName ?? '',
      securityContact: proposedSecurityContact ?? '',
      domains: domains.join(' '),
    };
    return this.audit.record({ action: 'trust.profile-proposed', object: `service:${id}`, peer: id, details });
  }
}

/** @returns the domains @throws ValidationFailed */
function parse({ displayName, domains }: ProfileDto): string[] {
  if (!isDisplayName(displayName)) throw ValidationFailed.of('displayName', 'INVALID');
  const parsed = domains.map((domain) => parseDomainName(domain));
  if (parsed.includes(undefined)) throw ValidationFailed.of('domains', 'INVALID');
  return parsed.filter((domain) => domain !== undefined);
}
