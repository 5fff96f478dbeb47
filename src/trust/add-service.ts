import { Injectable } from '@nestjs/common';
import { checkSwitch } from '../access/switches.js';
import { OwnCloud } from '../host/own-cloud.js';
import { Clock } from '../kernel/clock.js';
import { StateConflict, ValidationFailed } from '../kernel/federation-error.js';
import { Origin } from '../kernel/origin.js';
import { Secret } from '../kernel/secret.js';
import { Transactions } from '../persistence/transactions.js';
import { AnswerRequest } from './answer-request.js';
import { ApproveDomains } from './approve-domains.js';
import { readCertificateOf } from './certificate-by-hand.js';
import { ChangePolicy, type PolicyChange } from './change-policy.js';
import { OwnRequest } from './own-request.js';
import type { RelationshipRow } from './relationship.entity.js';
import { RelationshipLife } from './relationship-life.js';
import { Relationships } from './relationships.js';
import { TrustByHand } from './trust-by-hand.js';
import { TrustRequests } from './trust-requests.js';

export interface NewService {
  readonly url: string;
  readonly expectedFingerprint?: string;
  readonly domains?: readonly string[];
  readonly policy?: PolicyChange;
  /** PEM, of a cloud that is to be trusted by hand. */
  readonly certificate?: string;
}

/**
 * Our operator adds a cloud by its URL: we ask it for trust. If it has asked us already, this is our answer too. A cloud
 * whose certificate is given with it is not asked, but trusted by hand.
 * @throws ValidationFailed; StateConflict if there is a relationship with it that has not ended, or a domain or the key of the
 * certificate is ours or another peer's.
 */
@Injectable()
export class AddService {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly requests: TrustRequests,
    private readonly life: RelationshipLife,
    private readonly answerRequest: AnswerRequest,
    private readonly approveDomains: ApproveDomains,
    private readonly changePolicy: ChangePolicy,
    private readonly trustByHand: TrustByHand,
    private readonly ownRequest: OwnRequest,
    private readonly cloud: OwnCloud,
    private readonly clock: Clock,
  ) {}

  async execute(service: NewService): Promise<RelationshipRow> {
    checkSwitch(this.cloud, 'federation');
    const origin = Origin.tryParse(service.url);
    if (!origin || origin.equals(this.cloud.origin) || origin.equals(this.cloud.endpoint)) {
      throw ValidationFailed.of('url', 'INVALID');
    }
    const certificate = this.readCertificate(origin, service);
    return this.transactions.run(async () => {
      await this.requests.holdAll();
      if (await this.relationships.lockLive(origin)) throw new StateConflict('this cloud has a relationship already');
      await this.approveDomains.checkHost(origin);
      const expected = service.expectedFingerprint ?? null;
      const relationship = certificate
        ? await this.trustByHand.execute(origin, certificate, expected)
        : await this.ask(origin, expected);
      if (service.domains) await this.approveDomains.execute(relationship.id, service.domains);
      if (service.policy) await this.changePolicy.execute(relationship.id, service.policy);
      if (!certificate) await this.answerWhoAsked(origin, relationship);
      return relationship;
    });
  }

  /** Of a cloud to be trusted by hand; undefined for one that is asked. */
  private readCertificate(origin: Origin, { certificate, expectedFingerprint: expected }: NewService) {
    if (this.cloud.requireFingerprint && !expected) throw ValidationFailed.of('expectedFingerprint', 'REQUIRED');
    if (certificate === undefined) return undefined;
    const read = readCertificateOf(origin, certificate, this.clock.now());
    if (expected && expected !== read.pin) throw ValidationFailed.of('expectedFingerprint', 'MISMATCH');
    return read;
  }

  private async ask(origin: Origin, expectedFingerprint: string | null): Promise<RelationshipRow> {
    const code = Secret.random();
    const relationship = await this.life.request(origin, code, expectedFingerprint);
    await this.ownRequest.send(relationship.id, code);
    return relationship;
  }

  /** Anybody may have claimed to be this origin; only the origin itself can answer our confirmation with that key. */
  private async answerWhoAsked(origin: Origin, relationship: RelationshipRow): Promise<void> {
    for (const request of await this.requests.lockPending(origin)) {
      const isExpected = !relationship.expectedFingerprint || relationship.expectedFingerprint === request.pin;
      if (isExpected && !(await this.answerRequest.isPinTaken(request.pin)))
        await this.answerRequest.confirm(request, relationship);
    }
  }
}
