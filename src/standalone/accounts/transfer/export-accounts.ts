import { Readable } from 'node:stream';
import { Injectable, StreamableFile } from '@nestjs/common';
import { AuditTrail, Transactions } from '../../../index.js';
import type { AccountDto } from '../account.dto.js';

interface ExportedAccount extends Omit<AccountDto, 'createdAt'> {
  readonly createdAt: Date;
  /** Left out where there is none, or was not asked for. */
  readonly passwordHash?: string;
}

/** An export that has begun. */
export interface AccountsExport {
  /** How many accounts there were at its start. */
  readonly total: number;
  readonly file: StreamableFile;
}

const BATCH = 500;

/** Ids never change and rows are never moved: whoever is there all along is met exactly once, whatever else comes and goes. */
const NEXT = `
  select a.id, a.username, a.display_name as "displayName",
    array(select email from federation.account_email where account_id = a.id order by email) as emails,
    a.created_at as "createdAt", case when $2 then a.password_hash end as "passwordHash"
  from federation.account a where a.id > $1 order by a.id limit ${BATCH}`;

/** All accounts as JSON lines, in the order of their ids. A batch at a time is read, when the one before it is on its way. */
@Injectable()
export class ExportAccounts {
  constructor(
    private readonly transactions: Transactions,
    private readonly audit: AuditTrail,
  ) {}

  async execute(passwordHashes: boolean): Promise<AccountsExport> {
    const total = await this.begin(passwordHashes);
    // What fails up to here is answered; what fails later cuts the stream, so that nobody takes a part for the whole.
    const first = await this.read('', passwordHashes);
    const lines = Readable.from(this.lines(first, passwordHashes), { objectMode: false });
    const type = 'application/x-ndjson';
    const file = new StreamableFile(lines, { type, disposition: 'attachment; filename="accounts.ndjson"' });
    return { total, file };
  }

  private begin(passwordHashes: boolean): Promise<number> {
    return this.transactions.run(async () => {
      const [row] = await this.transactions.query<{ total: number }>(
        'select count(*)::int as total from federation.account',
      );
      const total = row?.total ?? 0;
      await this.audit.record({ action: 'account.exported', object: 'account:*', details: { total, passwordHashes } });
      return total;
    });
  }

  private async *lines(first: ExportedAccount[], passwordHashes: boolean): AsyncGenerator<string> {
    for (let batch = first; batch.length > 0; ) {
      yield batch.map((account) => `${JSON.stringify(account)}\n`).join('');
      const last = batch.length === BATCH ? batch.at(-1) : undefined;
      batch = last ? await this.read(last.id, passwordHashes) : [];
    }
  }

  private async read(after: string, passwordHashes: boolean): Promise<ExportedAccount[]> {
    const rows = await this.transactions.query<ExportedAccount & { passwordHash: string | null }>(NEXT, [
      after,
      passwordHashes,
    ]);
    return rows.map(({ passwordHash, ...account }) => (passwordHash === null ? account : { ...account, passwordHash }));
  }
}
