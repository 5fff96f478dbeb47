import { Injectable } from '@nestjs/common';
import { NotFound } from '../../kernel/federation-error.js';
import { dialectOfFlavour } from '../../ocm/dialects.js';
import { PAGE_SIZE } from '../../ocm/page.js';
import { recipientText } from '../../ocm/recipient.js';
import type { Flavour, ShareOffer } from '../../ocm/share-offer.js';
import type { ShareResourceDto } from '../../ocm/v0.0.3/resource.dto.js';
import { Transactions } from '../../persistence/transactions.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';
import { ShareClock, stateAt } from '../share-state.js';
import { IncomingShareRow } from './incoming-share.entity.js';
import type { ReceivedShare } from './receive-share.js';

/** What a peer offered us, described back to that peer. Never another peer's; foreign and missing are one. */
@Injectable()
export class PeerShares {
  constructor(
    private readonly transactions: Transactions,
    private readonly clock: ShareClock,
  ) {}

  /** @throws NotFound */
  async one(peer: TrustedPeer, id: string): Promise<IncomingShareRow> {
    const where = { id, relationshipId: peer.id };
    const row = await this.transactions.repository(IncomingShareRow).findOneBy(where);
    if (!row) throw new NotFound();
    return row;
  }

  /** A page in the order of creation, and how many there are in all. Pages count from 1. */
  page(peer: TrustedPeer, page: number): Promise<[IncomingShareRow[], number]> {
    return this.transactions.repository(IncomingShareRow).findAndCount({
      where: { relationshipId: peer.id },
      order: { createdAt: 'ASC', id: 'ASC' },
      skip: (page - 1) * PAGE_SIZE,
      take: PAGE_SIZE,
    });
  }

  /** @param path of the list as mounted for this caller: `/shares` or `/ocm/shares` */
  async describe(rows: readonly IncomingShareRow[], path: string): Promise<ShareResourceDto[]> {
    const now = await this.clock.now(...rows);
    return rows.map((row) => this.describeAt(row, path, now) as ShareResourceDto);
  }

  private describeAt(row: IncomingShareRow, path: string, now: Date): object {
    const flavour = flavourOf(row.shareId ?? undefined, row.protocolNames);
    return dialectOfFlavour(flavour).describeShare({
      id: row.id,
      createdAt: row.createdAt,
      state: stateAt(row, now),
      shareId: row.shareId ?? undefined,
      providerId: row.providerId,
      owner: row.owner,
      recipient: row.shareWith,
      name: row.name,
      description: row.description ?? undefined,
      permission: row.permission,
      expiresAt: row.expiresAt ?? undefined,
      protocols: row.protocolNames,
      flavour,
      href: `${path}/${row.id}`,
    });
  }

  /** The share as it was offered: a repeat is answered as the first time, whatever has become of the share since. */
  describeOffer(offer: ShareOffer, { id, createdAt, state }: ReceivedShare, path: string): object {
    const protocols = offer.protocols.map(({ name }) => name);
    const flavour = flavourOf(offer.shareId, protocols);
    return dialectOfFlavour(flavour).describeShare({
      id,
      createdAt: new Date(createdAt),
      state,
      shareId: offer.shareId,
      providerId: offer.providerId,
      owner: offer.owner.toString(),
      recipient: recipientText(offer.recipient),
      name: offer.name,
      description: offer.description,
      permission: offer.permission,
      expiresAt: offer.expiresAt,
      protocols,
      flavour,
      href: `${path}/${id}`,
    });
  }
}

/** Plain OCM 0.0.3 has no id for a share, and room for one protocol. */
function flavourOf(shareId: string | undefined, protocols: readonly string[]): Flavour {
  return shareId === undefined && protocols.length === 1 ? 'plain' : 'powerfolder';
}
