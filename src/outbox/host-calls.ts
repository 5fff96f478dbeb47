import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { StateConflict, ValidationFailed } from '../kernel/federation-error.js';
import { currentContext, HOST_IN_PROCESS } from '../kernel/request-context.js';
import { canonicalJson } from '../ocm/canonical-json.js';
import { Transactions } from '../persistence/transactions.js';

/** A POST of the host, or what stands for one in process. */
export interface HostCall {
  /** Which act: the same key for another act is a conflict. */
  readonly act: string;
  /** Its `Idempotency-Key`, 1 to 255 visible ASCII characters; without one, every call has its effect. */
  readonly key?: string;
  /** What it asks for; may hold secrets, only a keyed digest is kept. */
  readonly meaning: object;
}

interface Remembered {
  readonly digest: string;
  /** JSON, word for word as the first call was answered. */
  readonly answer: string;
}

/**
 * What the host was answered under which key: for 24 hours a repeat has no second effect and gets the same answer. Keys of
 * different credentials never meet; a host in process is one more, whatever led it to call.
 */
@Injectable()
export class HostCalls {
  constructor(
    private readonly transactions: Transactions,
    private readonly cloud: OwnCloud,
  ) {}

  /**
   * Runs the work once per key, in one transaction with the memory of its answer. Two calls with one key at once: the
   * second waits for the first and gives its answer. What fails leaves the key free.
   * @param prepare what is asked of others before the transaction begins; not asked again for a repeat, and its failure
   *   does not count if another call with the key has got an answer meanwhile
   * @throws StateConflict if the key was used for something else, ValidationFailed if it is no key
   */
  async once<Answer extends object, Prepared = undefined>(
    call: HostCall,
    work: (prepared: Prepared) => Promise<Answer>,
    prepare?: () => Promise<Prepared>,
  ): Promise<Answer> {
    const ready = prepare ?? (() => Promise.resolve(undefined as Prepared));
    const { key } = call;
    if (key === undefined) {
      const prepared = await ready();
      return this.transactions.run(() => work(prepared));
    }
    if (!/^[\x21-\x7e]{1,255}$/.test(key)) throw ValidationFailed.of('Idempotency-Key', 'INVALID');
    const digest = this.cloud.sealKey.digest(canonicalJson({ [call.act]: call.meaning }));
    const known = await this.find(key);
    if (known) return answerOf<Answer>(known, digest);
    let prepared: Prepared;
    try {
      prepared = await ready();
    } catch (error) {
      const meanwhile = await this.find(key);
      if (meanwhile) return answerOf<Answer>(meanwhile, digest);
      throw error;
    }
    return this.transactions.run(async () => {
      if (await this.isFirst(key, digest)) return this.remember(key, await work(prepared));
      const first = await this.find(key);
      if (!first) throw new StateConflict('an Idempotency-Key whose day ended just now');
      return answerOf<Answer>(first, digest);
    });
  }

  private async find(key: string): Promise<Remembered | undefined> {
    const [row] = await this.transactions.query<Remembered>(
      `select digest, answer from federation.host_call
       where credential = $1 and key = $2 and created_at > now() - interval '24 hours'`,
      [credential(), key],
    );
    return row;
  }

  private async isFirst(key: string, digest: string): Promise<boolean> {
    const rows = await this.transactions.query(
      `insert into federation.host_call as known (credential, key, digest) values ($1, $2, $3)
       on conflict (credential, key) do update set digest = excluded.digest, answer = null, created_at = now()
         where known.created_at <= now() - interval '24 hours'
       returning key`,
      [credential(), key, digest],
    );
    return rows.length > 0;
  }

  private async remember<Answer extends object>(key: string, answer: Answer): Promise<Answer> {
    await this.transactions.query('update federation.host_call set answer = $3 where credential = $1 and key = $2', [
      credential(),
      key,
      JSON.stringify(answer),
    ]);
    return answer;
  }
}

/** Who calls: a credential of the host over HTTP, or the host in process, be it on behalf of an event or another's request. */
function credential(): string {
  const { actor } = currentContext();
  const { kind, id } = actor.kind === 'host' ? actor : HOST_IN_PROCESS;
  return `${kind}:${id}`;
}

function answerOf<Answer>({ digest, answer }: Remembered, wanted: string): Answer {
  if (digest !== wanted) throw new StateConflict('an Idempotency-Key was used for something else');
  return JSON.parse(answer) as Answer;
}
