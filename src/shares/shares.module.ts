import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { NotificationsModule } from '../notifications/notifications.module.js';
import { CONNECTION } from '../persistence/connection.js';
import { DeliverShareMessage } from './deliver-share-message.js';
import { EndShares } from './end-shares.js';
import { ForgetAccount } from './forget-account.js';
import { ForgottenAccounts } from './forgotten-accounts.js';
import { AddShare } from './incoming/add-share.js';
import { AnswerOffer } from './incoming/answer-offer.js';
import { AutomaticAcceptance } from './incoming/automatic-acceptance.js';
import { CheckOwner } from './incoming/check-owner.js';
import { ConfirmAcceptance } from './incoming/confirm-acceptance.js';
import { DescribeIncoming } from './incoming/describe-incoming.js';
import { FindRecipient } from './incoming/find-recipient.js';
import { GiveAccess } from './incoming/give-access.js';
import { IncomingShareRow, PlainTombstoneRow, ShareTombstoneRow } from './incoming/incoming-share.entity.js';
import { IncomingSharesController } from './incoming/incoming-shares.controller.js';
import { IncomingShares } from './incoming/incoming-shares.js';
import { KnownOffers } from './incoming/known-offers.js';
import { OcmSharesController } from './incoming/ocm-shares.controller.js';
import { PeerShares } from './incoming/peer-shares.js';
import { PlainTombstones } from './incoming/plain-tombstones.js';
import { ProviderMessages, SharePermissionChanged, ShareUnshared, ShareUpdated } from './incoming/provider-messages.js';
import { ReceiveShare } from './incoming/receive-share.js';
import { Tombstones } from './incoming/tombstones.js';
import { WriteOffer } from './incoming/write-offer.js';
import { ChangeShare } from './outgoing/change-share.js';
import { CheckOffer } from './outgoing/check-offer.js';
import { ConsumerMessages, ShareAccepted, ShareDeclined, ShareRemoved } from './outgoing/consumer-messages.js';
import { DeliverOffer } from './outgoing/deliver-offer.js';
import { DescribeOutgoing } from './outgoing/describe-outgoing.js';
import { IntrospectToken } from './outgoing/introspect-token.js';
import { IntrospectionController } from './outgoing/introspection.controller.js';
import { OfferShare } from './outgoing/offer-share.js';
import { OutgoingShareRow } from './outgoing/outgoing-share.entity.js';
import { OutgoingSharesController } from './outgoing/outgoing-shares.controller.js';
import { OutgoingShares } from './outgoing/outgoing-shares.js';
import { PlainNames } from './outgoing/plain-names.js';
import { RecordOffer } from './outgoing/record-offer.js';
import { ResendShare } from './outgoing/resend-share.js';
import { UnheardChange } from './outgoing/unheard-change.js';
import { WithdrawShare } from './outgoing/withdraw-share.js';
import { ShareMessages } from './share-messages.js';
import { ShareClock } from './share-state.js';
import { TellExpiry } from './tell-expiry.js';

const ENTITIES = [OutgoingShareRow, IncomingShareRow, ShareTombstoneRow, PlainTombstoneRow];
const INCOMING = [
  IncomingShares,
  ReceiveShare,
  CheckOwner,
  AutomaticAcceptance,
  WriteOffer,
  AddShare,
  FindRecipient,
  KnownOffers,
  ConfirmAcceptance,
  DescribeIncoming,
  PeerShares,
  Tombstones,
  PlainTombstones,
];
const OUTGOING = [
  OutgoingShares,
  CheckOffer,
  RecordOffer,
  PlainNames,
  DescribeOutgoing,
  ConsumerMessages,
  UnheardChange,
];
const HANDLERS = [ShareAccepted, ShareDeclined, ShareRemoved, ShareUnshared, SharePermissionChanged, ShareUpdated];
const DELIVERIES = [DeliverOffer, DeliverShareMessage];
/** What a host calls in process; the controllers of the host API call the same. */
const ACTS = [
  OfferShare,
  ResendShare,
  ChangeShare,
  WithdrawShare,
  IntrospectToken,
  AnswerOffer,
  GiveAccess,
  ForgetAccount,
];

@Module({
  imports: [NotificationsModule, TypeOrmModule.forFeature(ENTITIES, CONNECTION)],
  controllers: [OcmSharesController, OutgoingSharesController, IncomingSharesController, IntrospectionController],
  providers: [
    ...INCOMING,
    ...OUTGOING,
    ...HANDLERS,
    ...DELIVERIES,
    ...ACTS,
    ForgottenAccounts,
    ShareClock,
    ShareMessages,
    ProviderMessages,
    EndShares,
    TellExpiry,
  ],
  exports: [...ACTS, DescribeOutgoing, DescribeIncoming],
})
export class SharesModule {}
