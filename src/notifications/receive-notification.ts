import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { AuditTrail } from '../audit/audit-trail.js';
import { RefusalCounter } from '../audit/refusal-counter.js';
import { FederationError } from '../kernel/federation-error.js';
import { randomId } from '../kernel/ids.js';
import { canonicalJson } from '../ocm/canonical-json.js';
import { DEFAULT_DIALECT, dialectNamed } from '../ocm/dialects.js';
import type { NotificationMessage } from '../ocm/notification.js';
import { Inbox } from '../outbox/inbox.js';
import { Transactions } from '../persistence/transactions.js';
import { Relationships } from '../trust/relationships.js';
import type { TrustedPeer } from '../trust/trusted-peer.js';
import { HandlesNotification, NotificationHandler } from './notification-handler.js';
import { ReceivedNotificationRow } from './received-notification.entity.js';

/** A notification that we hold. */
export interface HeldNotification {
  readonly id: string;
  /** ISO 8601. */
  readonly createdAt: string;
}

/**
 * Stores what a peer tells us, with its effect, in one transaction. A message that names no share, or a type that nobody
 * handles, is stored and changes nothing. A repeated key has one effect and the same answer.
 */
@Injectable()
export class ReceiveNotification implements OnModuleInit {
  private readonly handlers = new Map<string, NotificationHandler>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly inbox: Inbox,
    private readonly audit: AuditTrail,
    private readonly refusals: RefusalCounter,
  ) {}

  onModuleInit(): void {
    for (const wrapper of this.discovery.getProviders({ metadataKey: HandlesNotification.KEY })) {
      const type = this.discovery.getMetadataByDecorator(HandlesNotification, wrapper);
      const instance: unknown = wrapper.instance;
      if (type === undefined || !(instance instanceof NotificationHandler)) continue;
      if (this.handlers.has(type)) throw new TypeError(`two handlers for ${type}`);
      this.handlers.set(type, instance);
    }
  }

  execute(peer: TrustedPeer, message: NotificationMessage, key: string | undefined): Promise<HeldNotification> {
    const content = dialectNamed(DEFAULT_DIALECT).encodeNotification(message);
    const meaning = canonicalJson({ notification: content });
    const receive = async () => {
      await this.relationships.holdTrusted(peer, 'sharing');
      if (message.namesShare) await this.handlers.get(message.type)?.handle(peer, message);
      return this.store(peer, message.type, content);
    };
    return this.inbox
      .once({ peer: peer.id, key, meaning }, receive)
      .catch((error) => this.refuse(peer, message, error));
  }

  /** Nothing of a refused message stays; that a peer spoke of what is not its own is for the auditor, once an hour. */
  private async refuse(peer: TrustedPeer, { type }: NotificationMessage, error: unknown): Promise<never> {
    const isForeign = error instanceof FederationError && (error.kind === 'missing' || error.kind === 'forbidden');
    if (isForeign && this.refusals.isNews(`notification-${error.kind}`, peer.id)) {
      const details = { type, code: error.code };
      await this.transactions.run(() =>
        this.audit.record({
          action: 'notification.received',
          object: `service:${peer.id}`,
          peer: peer.id,
          outcome: 'refused',
          details,
        }),
      );
    }
    throw error;
  }

  private async store(peer: TrustedPeer, type: string, content: object): Promise<HeldNotification> {
    const row = { id: randomId(), relationshipId: peer.id, type, content, createdAt: new Date() };
    await this.transactions.repository(ReceivedNotificationRow).insert(row);
    return { id: row.id, createdAt: row.createdAt.toISOString() };
  }
}
