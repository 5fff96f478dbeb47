// The library's face: hosts import nothing else.

export { ForHost, ForOperator } from './access/audience.js';
export { isFederationRoute } from './access/federation-route.js';
export { ApiIdempotencyKey } from './access/idempotency-key.js';
export { Alerts } from './audit/alerts.js';
export { AuditTrail } from './audit/audit-trail.js';
export { FederationModule, type FederationPorts } from './federation.module.js';
export { type Account, AccountDirectory } from './host/account-directory.js';
export { type FederationEvent, FederationEvents } from './host/federation-events.js';
export type {
  DatabaseOptions,
  FederationOptions,
  KeyAndCertificate,
  OutboundOptions,
} from './host/federation-options.js';
export { OptionRefused } from './host/own-cloud.js';
export { ResourceProvider } from './host/resource-provider.js';
export { type ForeignIdentity, SessionIssuer } from './host/session-issuer.js';
export type { ProxyOptions } from './host/trusted-proxy.js';
export { FederatedAddress } from './kernel/federated-address.js';
export { FederationError, NotFound, StateConflict, ValidationFailed } from './kernel/federation-error.js';
export { randomId } from './kernel/ids.js';
export { Origin } from './kernel/origin.js';
export { SealKey, Secret } from './kernel/secret.js';
export { ErrorBodyDto } from './ocm/http/error-body.dto.js';
export { JsonBody } from './ocm/http/json-body.pipe.js';
export { spellError } from './ocm/http/ocm-error.filter.js';
export { RawBody } from './ocm/http/raw-body.js';
export { BodyTooLarge, isPlainText, MediaTypeUnsupported } from './ocm/http/read-json-body.js';
export { IsOneLine, MaxBytes } from './ocm/validation/text-rules.js';
export {
  createFederationAdapter,
  type FederationAdapter,
  type FederationAdapterOptions,
} from './operations/federation-adapter.js';
export { stopWithProcess } from './operations/graceful-stop.js';
export { AlsoOnFederationRoutes } from './operations/leave-globals-out.js';
export { LOG_LEVELS, type LogLevel } from './operations/logging.js';
export {
  type FederationServerOptions,
  type RunningFederation,
  startFederationServer,
} from './operations/server.js';
export { type HostCall, HostCalls } from './outbox/host-calls.js';
export { parseCursor, parseLimit, readPage } from './persistence/keyset.js';
export { Transactions } from './persistence/transactions.js';
export { ForgetAccount } from './shares/forget-account.js';
export { AnswerOffer } from './shares/incoming/answer-offer.js';
export { DescribeIncoming } from './shares/incoming/describe-incoming.js';
export { GiveAccess } from './shares/incoming/give-access.js';
export type { IncomingShareDto } from './shares/incoming/incoming.dto.js';
export { ChangeShare, type ShareChange } from './shares/outgoing/change-share.js';
export type { NewShare } from './shares/outgoing/check-offer.js';
export { DescribeOutgoing } from './shares/outgoing/describe-outgoing.js';
export { IntrospectToken } from './shares/outgoing/introspect-token.js';
export { OfferShare } from './shares/outgoing/offer-share.js';
export type { IntrospectionDto, OutgoingShareDto } from './shares/outgoing/outgoing.dto.js';
export { ResendShare } from './shares/outgoing/resend-share.js';
export { WithdrawShare } from './shares/outgoing/withdraw-share.js';
export { CertificateAuthority, makeSelfSignedCertificate } from './transport/certificates.js';
export { OutboundProxy } from './transport/outbound-proxy.js';
export { ReplacePeerRoots } from './transport/replace-peer-roots.js';
