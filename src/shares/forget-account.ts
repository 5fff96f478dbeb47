import { Injectable } from '@nestjs/common';
import { Transactions } from '../persistence/transactions.js';
import { ForgottenAccounts } from './forgotten-accounts.js';
import { AnswerOffer } from './incoming/answer-offer.js';
import { WithdrawShare } from './outgoing/withdraw-share.js';

/**
 * What follows when an account is deleted: its outgoing shares are withdrawn, its incoming ones left, and what is under way
 * for it comes to nothing.
 */
@Injectable()
export class ForgetAccount {
  constructor(
    private readonly transactions: Transactions,
    private readonly forgottenAccounts: ForgottenAccounts,
    private readonly withdrawShare: WithdrawShare,
    private readonly answerOffer: AnswerOffer,
  ) {}

  /** Joins the caller's transaction, so that account and shares end together. What ends meanwhile is passed over. */
  execute(accountId: string): Promise<void> {
    return this.transactions.run(async () => {
      await this.forgottenAccounts.add(accountId);
      const outgoing = await this.transactions.query<{ id: string }>(
        `select id from federation.outgoing_share
         where owner_account = $1 and state in ('pending-delivery', 'pending', 'accepted', 'failed')
         order by id for update`,
        [accountId],
      );
      for (const { id } of outgoing) await this.withdrawShare.execute(id);
      const incoming = await this.transactions.query<{ id: string }>(
        `select id from federation.incoming_share
         where recipient_account = $1 and state in ('pending', 'accepted') order by id for update`,
        [accountId],
      );
      for (const { id } of incoming) await this.answerOffer.leaveById(id);
    });
  }
}
