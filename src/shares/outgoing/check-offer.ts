import { Injectable } from '@nestjs/common';
import { type Account, AccountDirectory } from '../../host/account-directory.js';
import { OwnCloud } from '../../host/own-cloud.js';
import { ResourceProvider } from '../../host/resource-provider.js';
import { FederatedAddress } from '../../kernel/federated-address.js';
import { ValidationFailed } from '../../kernel/federation-error.js';
import type { Permission } from '../../ocm/permission.js';
import { Transactions } from '../../persistence/transactions.js';
import type { Judged } from '../../trust/judged-copies.js';
import { Relationships } from '../../trust/relationships.js';
import type { TrustedPeer } from '../../trust/trusted-peer.js';

export interface NewShare {
  /** Account id or address of the sharing account. */
  readonly owner: string;
  readonly shareWith: string;
  readonly name: string;
  readonly description?: string;
  readonly resourceId: string;
  readonly permission: Permission;
  /** ISO 8601. */
  readonly expiresAt?: string;
}

/** A share that may be offered: everybody who has to be asked was asked. */
export interface CheckedOffer {
  readonly share: NewShare;
  readonly owner: Account;
  readonly recipient: FederatedAddress;
  readonly peer: TrustedPeer;
  readonly expiresAt: Date | null;
}

/** Asks whether a share may be offered, and to whom: everything that takes others to say. */
@Injectable()
export class CheckOffer {
  constructor(
    private readonly accounts: AccountDirectory,
    private readonly resources: ResourceProvider,
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly cloud: OwnCloud,
  ) {}

  /**
   * Outside of any transaction.
   * @throws ValidationFailed: `owner`, `shareWith`, `resourceId` NOT_FOUND, `shareWith` SUSPENDED, NOT_ALLOWED, `expiresAt` INVALID
   */
  async execute(share: NewShare): Promise<CheckedOffer> {
    const owner = await this.accounts.find(share.owner);
    if (!owner) throw ValidationFailed.of('owner', 'NOT_FOUND');
    const recipient = FederatedAddress.tryParse(share.shareWith);
    if (!recipient) throw ValidationFailed.of('shareWith', 'INVALID');
    const expiresAt = share.expiresAt === undefined ? null : new Date(share.expiresAt);
    if (expiresAt && expiresAt <= (await this.transactions.now())) throw ValidationFailed.of('expiresAt', 'INVALID');
    const peer = await this.homeOf(recipient);
    const mayShare = await this.resources.mayShare(owner, share.resourceId);
    if (!mayShare) throw ValidationFailed.of('resourceId', 'NOT_FOUND');
    return { share, owner, recipient, peer, expiresAt };
  }

  /** The one trusted cloud in whose domains the address lies. */
  private async homeOf(recipient: FederatedAddress): Promise<TrustedPeer> {
    const peers = this.cloud.isHomeOf(recipient) ? [] : await this.relationships.speakingFor(recipient);
    if (peers.length > 1) throw ValidationFailed.of('shareWith', 'AMBIGUOUS');
    return offerable(peers[0]);
  }
}

/** The recipient's cloud, if it may be offered something now. @throws ValidationFailed `shareWith` */
export function offerable(judged: Judged | undefined): TrustedPeer {
  if (!judged) throw ValidationFailed.of('shareWith', 'NOT_FOUND');
  if (judged.suspended) throw ValidationFailed.of('shareWith', 'SUSPENDED');
  if (!judged.peer.allows('sharing')) throw ValidationFailed.of('shareWith', 'NOT_ALLOWED');
  return judged.peer;
}
