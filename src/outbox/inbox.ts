import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { StateConflict, ValidationFailed } from '../kernel/federation-error.js';
import { Transactions } from '../persistence/transactions.js';
import { TURN } from './inbox-parts.js';

/** What a peer sent under which key. Keys of different peers never meet. */
export interface InboxMessage {
  /** Id of the relationship. */
  readonly peer: string;
  /** Its `Idempotency-Key`; without one, every call has its effect. */
  readonly key: string | undefined;
  /** What it means, independent of its spelling; may hold secrets, only a keyed digest is kept. */
  readonly meaning: string;
}

/** The other end of the outbox: a repeat of a key has one effect and the same answer. */
@Injectable()
export class Inbox {
  constructor(
    private readonly transactions: Transactions,
    private readonly cloud: OwnCloud,
  ) {}

  /**
   * Runs the work once per key, in one transaction with the memory of its answer. Two calls with one key at once: the
   * second waits for the first and gives its answer.
   * @throws StateConflict if the key was used for something else.
   */
  once<Answer extends object>(message: InboxMessage, work: () => Promise<Answer>): Promise<Answer> {
    const { key } = message;
    if (key === undefined) return this.transactions.run(work);
    if (!/^[\x21-\x7e]{1,255}$/.test(key)) throw ValidationFailed.of('Idempotency-Key', 'INVALID');
    return this.transactions.run(async () => {
      const digest = this.cloud.sealKey.digest(message.meaning);
      if (await this.isFirst(message.peer, key, digest)) return this.remember(message.peer, key, await work());
      return this.repeat<Answer>(message.peer, key, digest);
    });
  }

  private async isFirst(peer: string, key: string, digest: string): Promise<boolean> {
    const rows = await this.transactions.query(
      `with turn as materialized (select pg_advisory_xact_lock(${TURN('$1::text', '$2::text')}))
       insert into federation.inbox (peer, key, digest) select $1, $2, $3 from turn on conflict do nothing returning key`,
      [peer, key, digest],
    );
    return rows.length > 0;
  }

  private async remember<Answer extends object>(peer: string, key: string, answer: Answer): Promise<Answer> {
    await this.transactions.query(`update federation.inbox set answer = $3 where peer = $1 and key = $2`, [
      peer,
      key,
      JSON.stringify(answer),
    ]);
    return answer;
  }

  private async repeat<Answer>(peer: string, key: string, digest: string): Promise<Answer> {
    const [row] = await this.transactions.query<{ digest: string; answer: Answer }>(
      `select digest, answer from federation.inbox where peer = $1 and key = $2`,
      [peer, key],
    );
    if (row?.digest !== digest) throw new StateConflict('an Idempotency-Key was used for something else');
    return row.answer;
  }
}
