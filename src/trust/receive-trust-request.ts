import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { OwnCloud } from '../host/own-cloud.js';
import { ValidationFailed } from '../kernel/federation-error.js';
import { randomId } from '../kernel/ids.js';
import { networkOf } from '../kernel/network.js';
import { Transactions } from '../persistence/transactions.js';
import { AnswerRequest } from './answer-request.js';
import type { TrustRequestDto, TrustRequestedDto } from './handshake.dto.js';
import { type Introduction, ReadIntroduction } from './introduction.js';
import type { Stranger } from './peer-request.js';
import { TrustRequestRow } from './relationship.entity.js';
import { requestCode } from './relationship-life.js';
import { Relationships } from './relationships.js';
import { TrustRequests } from './trust-requests.js';

/**
 * A stranger asks for trust. Nothing but the row is written: no relationship changes, nobody is called, unless we asked
 * that cloud ourselves. The same request twice changes nothing; a new code of the same key takes the place of the old.
 * @throws ValidationFailed, CallerNotTrusted, TooManyRequests
 */
@Injectable()
export class ReceiveTrustRequest {
  constructor(
    private readonly transactions: Transactions,
    private readonly requests: TrustRequests,
    private readonly relationships: Relationships,
    private readonly answerRequest: AnswerRequest,
    private readonly readIntroduction: ReadIntroduction,
    private readonly audit: AuditTrail,
    private readonly cloud: OwnCloud,
  ) {}

  async execute(stranger: Stranger, body: TrustRequestDto): Promise<TrustRequestedDto> {
    const introduction = this.readIntroduction.execute(body, stranger);
    if (introduction.origin.equals(this.cloud.origin)) throw ValidationFailed.of('origin', 'INVALID');
    // Judged once without the lock that all handshakes share, and again under it: strangers must not make others queue.
    if (await this.isRefusedAtOnce(stranger, introduction)) return { status: 'PENDING' };
    await this.transactions.run(async () => {
      await this.requests.holdAll();
      const request = await this.store(stranger, introduction);
      if (request) await this.answerIfWeAsked(request, introduction);
    });
    return { status: 'PENDING' };
  }

  /** @returns whether this very request is known. @throws TooManyRequests */
  private async isRefusedAtOnce({ certificate, address }: Stranger, { origin, code }: Introduction): Promise<boolean> {
    const where = { origin: origin.toString(), pin: certificate.pin };
    const known = await this.transactions.repository(TrustRequestRow).findOneBy(where);
    if (known?.codeHash === code.hash()) return true;
    if (!known) await this.requests.checkRoom(origin, networkOf(address, 32));
    return false;
  }

  /** The request as it now stands; undefined if this very request is known. */
  private async store(stranger: Stranger, introduction: Introduction): Promise<TrustRequestRow | undefined> {
    const { pin } = stranger.certificate;
    const repository = this.transactions.repository(TrustRequestRow);
    const lock = { mode: 'pessimistic_write' } as const;
    const origin = introduction.origin.toString();
    const known = await repository.findOne({ where: { origin, pin }, lock });
    if (known?.codeHash === introduction.code.hash()) return undefined;
    const network = networkOf(stranger.address, 32);
    if (!known || known.state === 'ended') await this.requests.checkRoom(introduction.origin, network);
    else this.requests.checkPace(known);
    // Asking again after having taken it back is the same request: it must not fill the trail.
    const isAgain = known?.outcome === 'cancelled';
    const id = known && (known.state !== 'ended' || isAgain) ? known.id : randomId();
    const row = repository.create({
      id,
      origin,
      pin,
      network,
      endpoint: introduction.endpoint.toString(),
      certificate: stranger.certificate.certificate,
      displayName: introduction.displayName,
      domains: [...introduction.domains],
      codeHash: introduction.code.hash(),
      codeSealed: this.cloud.sealKey.seal(introduction.code, requestCode(id)),
      state: known?.state === 'confirming' ? 'confirming' : 'pending',
      outcome: isAgain ? 'cancelled' : null,
      relationshipId: known?.state === 'confirming' ? known.relationshipId : null,
      createdAt: new Date(),
    });
    // A request that has ended gives its place to the new one under a new id: the old id names what became of it.
    if (known) await repository.delete({ id: known.id });
    await repository.insert(row);
    // A stranger who repeats itself must not be able to fill the trail.
    if (known?.id !== id) await this.recordReceived(row);
    return row;
  }

  private async recordReceived({ id, origin, pin }: TrustRequestRow): Promise<void> {
    await this.audit.record({
      action: 'trust.request-received',
      object: `trust-request:${id}`,
      peer: origin,
      details: { fingerprint: pin },
    });
  }

  /** We asked that cloud too: requests that cross replace the operator's click. */
  private async answerIfWeAsked(request: TrustRequestRow, { origin }: Introduction): Promise<void> {
    const live = await this.relationships.lockLive(origin);
    const isAnswered = request.state === 'confirming' && live?.id === request.relationshipId;
    const isCrossing = live?.state === 'REQUESTED';
    if (!live || !(isAnswered || isCrossing)) return;
    if (live.expectedFingerprint && live.expectedFingerprint !== request.pin) return;
    if (this.cloud.requireFingerprint && !live.expectedFingerprint && !isAnswered) return;
    if (await this.answerRequest.isPinTaken(request.pin, live.id)) return;
    await this.answerRequest.confirm(request, live);
  }
}
