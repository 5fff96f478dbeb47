import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Clock, SystemClock } from '../kernel/clock.js';
import { CONNECTION } from '../persistence/connection.js';
import { AcceptService } from './accept-service.js';
import { AddService } from './add-service.js';
import { AnswerRequest } from './answer-request.js';
import { ApproveDomains } from './approve-domains.js';
import { CallByOrigin } from './call-by-origin.js';
import { CallRate } from './call-rate.js';
import { CallerCertificate } from './caller-certificate.js';
import { CertificateWatch } from './certificate-watch.js';
import { CertificatesInUse } from './certificates-in-use.js';
import { CertificatesSeen } from './certificates-seen.js';
import { ChangeDetails } from './change-details.js';
import { ChangePolicy } from './change-policy.js';
import { ChangeService } from './change-service.js';
import { DeliverConfirmation } from './deliver-confirmation.js';
import { DeliverProfile } from './deliver-profile.js';
import { DeliverCancellation, DeliverTrustEnd } from './deliver-trust-end.js';
import { DeliverTrustRequest } from './deliver-trust-request.js';
import { EndService } from './end-service.js';
import { ForgetRequests } from './forget-requests.js';
import { HandshakeController, TrustController } from './handshake.controller.js';
import { ReadIntroduction } from './introduction.js';
import { JudgeCaller } from './judge-caller.js';
import { JudgedCopies } from './judged-copies.js';
import { KEY_ACTS, KEY_CONTROLLERS, KEY_ENTITIES } from './key-changes.js';
import { ListServices } from './list-services.js';
import { TrustEndHandlers } from './on-trust-ended.js';
import { OwnIdentity } from './own-identity.js';
import { InstallationRow, OwnKeyRow } from './own-key.entity.js';
import { OwnRequest } from './own-request.js';
import { PeerDocumentController } from './peer-document.controller.js';
import { PeerDocuments } from './peer-documents.js';
import { PeerEndpoints } from './peer-endpoints.js';
import { ProfileController } from './profile.controller.js';
import { ProposeDomains } from './propose-domains.js';
import { ReceiveCancellation } from './receive-cancellation.js';
import { ReceiveConfirmation } from './receive-confirmation.js';
import { ReceiveProfile } from './receive-profile.js';
import { ReceiveTrustEnd } from './receive-trust-end.js';
import { ReceiveTrustRequest } from './receive-trust-request.js';
import { RefuseCaller } from './refuse-caller.js';
import { RefusedPeers } from './refused-peers.js';
import { RejectService } from './reject-service.js';
import { RelationshipDomainRow, RelationshipRow, TrustRequestRow } from './relationship.entity.js';
import { RelationshipLife } from './relationship-life.js';
import { RelationshipTestRow } from './relationship-test.entity.js';
import { Relationships } from './relationships.js';
import { ResumeService } from './resume-service.js';
import { ServicesController } from './services.controller.js';
import { SuspendService } from './suspend-service.js';
import { SuspensionController } from './suspension.controller.js';
import { TellProfile } from './tell-profile.js';
import { TestService } from './test-service.js';
import { TrustByHand } from './trust-by-hand.js';
import { TrustRequests } from './trust-requests.js';

const ENTITIES = [
  InstallationRow,
  OwnKeyRow,
  RelationshipRow,
  RelationshipDomainRow,
  TrustRequestRow,
  RelationshipTestRow,
];
const SHARED = [
  CertificatesSeen,
  CertificateWatch,
  OwnIdentity,
  Relationships,
  PeerEndpoints,
  JudgeCaller,
  CallRate,
  CallerCertificate,
  RefuseCaller,
  { provide: Clock, useClass: SystemClock },
];

const ACTS = [
  AddService,
  AcceptService,
  RejectService,
  EndService,
  SuspendService,
  ResumeService,
  ApproveDomains,
  ProposeDomains,
  ChangeDetails,
  ChangePolicy,
  ChangeService,
  ListServices,
  TestService,
  TrustByHand,
  AnswerRequest,
  OwnRequest,
  ReadIntroduction,
  CallByOrigin,
  PeerDocuments,
  ReceiveTrustRequest,
  ReceiveConfirmation,
  ReceiveCancellation,
  ReceiveTrustEnd,
  ReceiveProfile,
  TellProfile,
  RelationshipLife,
  TrustRequests,
  TrustEndHandlers,
  JudgedCopies,
  CertificatesInUse,
  RefusedPeers,
  ForgetRequests,
];
const DELIVERIES = [DeliverTrustRequest, DeliverConfirmation, DeliverTrustEnd, DeliverCancellation, DeliverProfile];

/** Global: every route of a peer stands behind its guard. */
@Global()
@Module({
  imports: [DiscoveryModule, TypeOrmModule.forFeature([...ENTITIES, ...KEY_ENTITIES], CONNECTION)],
  controllers: [
    PeerDocumentController,
    HandshakeController,
    TrustController,
    ServicesController,
    SuspensionController,
    ProfileController,
    ...KEY_CONTROLLERS,
  ],
  providers: [...SHARED, ...ACTS, ...KEY_ACTS, ...DELIVERIES],
  exports: [...SHARED, AddService, AcceptService, RejectService, EndService, ApproveDomains, ListServices],
})
export class TrustModule {}
