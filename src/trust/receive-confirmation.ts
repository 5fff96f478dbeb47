import { Injectable } from '@nestjs/common';
import { RefusalCounter } from '../audit/refusal-counter.js';
import { OwnCloud } from '../host/own-cloud.js';
import { StateConflict } from '../kernel/federation-error.js';
import { Transactions } from '../persistence/transactions.js';
import { AnswerRequest } from './answer-request.js';
import type { TrustConfirmationDto, TrustConfirmedDto } from './handshake.dto.js';
import { type Introduction, ReadIntroduction } from './introduction.js';
import { OwnIdentity } from './own-identity.js';
import type { Stranger } from './peer-request.js';
import type { RelationshipRow } from './relationship.entity.js';
import { RelationshipLife } from './relationship-life.js';
import { Relationships } from './relationships.js';
import { CallerNotTrusted } from './trust-errors.js';
import { TrustRequests } from './trust-requests.js';

/**
 * The cloud that we asked answers, quoting our code: the certificate of this connection is pinned, and trust arises. A
 * used code quoted again under the certificate that used it gets the same answer while the relationship stands.
 * @throws ValidationFailed, CallerNotTrusted for a wrong, foreign or used code.
 */
@Injectable()
export class ReceiveConfirmation {
  constructor(
    private readonly transactions: Transactions,
    private readonly relationships: Relationships,
    private readonly requests: TrustRequests,
    private readonly life: RelationshipLife,
    private readonly answerRequest: AnswerRequest,
    private readonly readIntroduction: ReadIntroduction,
    private readonly identity: OwnIdentity,
    private readonly refusals: RefusalCounter,
    private readonly cloud: OwnCloud,
  ) {}

  async execute(stranger: Stranger, body: TrustConfirmationDto): Promise<TrustConfirmedDto> {
    const introduction = this.readIntroduction.execute(body, stranger);
    // Judged once without the lock that all handshakes share, and again under it: guessing must not make others queue.
    const isOurCode = quotes(await this.relationships.findLive(introduction.origin), introduction);
    const relationship = isOurCode
      ? await this.transactions.run(() => this.apply(stranger, introduction, body.decision))
      : undefined;
    if (!relationship) {
      this.refusals.count('wrong-code', stranger.address);
      throw new CallerNotTrusted('wrong-code');
    }
    return {
      origin: this.cloud.origin.toString(),
      displayName: this.cloud.displayName,
      domains: [...this.cloud.domains],
      fingerprint: this.identity.current().pin,
      relationship: relationship.ownReference,
    };
  }

  private async apply(stranger: Stranger, introduction: Introduction, decision: TrustConfirmationDto['decision']) {
    const { pin } = stranger.certificate;
    await this.requests.holdAll();
    const row = await this.relationships.lockLive(introduction.origin);
    if (!row || !quotes(row, introduction)) return undefined;
    switch (row.state) {
      case 'REQUESTED':
        return this.answerRequested(row, stranger, introduction, decision);
      case 'TRUSTED':
      case 'SUSPENDED':
        // Trust arose from our own confirmation before theirs came: the code is still unused.
        if (row.codeUsedBy === null && row.pin === pin) await this.life.update(row, { codeUsedBy: pin });
        return row.codeUsedBy === pin ? row : undefined;
      case 'CONFIRMING':
      case 'REVOKED':
      case 'REJECTED':
        return undefined;
    }
  }

  private async answerRequested(
    row: RelationshipRow,
    { certificate }: Stranger,
    introduction: Introduction,
    decision: TrustConfirmationDto['decision'],
  ): Promise<RelationshipRow | undefined> {
    const { pin } = certificate;
    if (decision === 'rejected') {
      await this.answerRequest.abandon(row, 'REJECTED', 'REJECTED_BY_PEER');
      return row;
    }
    if (row.expectedFingerprint && row.expectedFingerprint !== pin) {
      await this.answerRequest.abandon(row, 'REJECTED', 'FINGERPRINT_MISMATCH');
      return undefined;
    }
    if (await this.answerRequest.isPinTaken(pin)) throw new StateConflict('this key belongs to another relationship');
    const { displayName, domains, endpoint } = introduction;
    const proof = { pin, certificate: certificate.certificate, endpoint: endpoint.toString(), displayName, domains };
    await this.life.trust(row, proof, { codeUsedBy: pin });
    return row;
  }
}

function quotes(row: RelationshipRow | null, { code }: Introduction): boolean {
  return row !== null && row.codeHash !== null && code.matches(row.codeHash);
}
