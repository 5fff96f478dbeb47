import { Injectable } from '@nestjs/common';
import { AuditTrail, HostCalls, ValidationFailed } from '../../../index.js';
import { AccountAddresses } from '../account-addresses.js';
import type { AccountLedger, WantedAccount } from './account-ledger.js';
import type { AccountLineDto, ImportReportDto, RefusedLineDto } from './account-line.dto.js';
import { type ReadLine, refusedLine } from './account-lines.pipe.js';
import { AccountStore } from './account-store.js';
import { ImportedPasswords } from './imported-passwords.js';

interface ParsedLine {
  readonly line: number;
  readonly wanted: WantedAccount;
  readonly password?: string;
}

/**
 * Adds the accounts of some lines, and changes those that are there already: name, e-mail addresses and password if the
 * line gives them, never the id. One transaction, in which a refused line is as if it were not there; the same lines again
 * change nothing.
 */
@Injectable()
export class ImportAccounts {
  constructor(
    private readonly calls: HostCalls,
    private readonly addresses: AccountAddresses,
    private readonly passwords: ImportedPasswords,
    private readonly store: AccountStore,
    private readonly audit: AuditTrail,
  ) {}

  /** @param key the caller's `Idempotency-Key`: a repeat gives the same report. @throws StateConflict if it meant others */
  async execute(lines: readonly ReadLine[], key?: string): Promise<ImportReportDto> {
    const read = lines.map((line) => ('account' in line ? this.parse(line.line, line.account) : line));
    const parsed = read.filter((line) => 'wanted' in line);
    const refused = read.filter((line) => 'message' in line);
    return this.calls.once(
      { act: 'accounts.import', key, meaning: { lines } },
      (hashes) => this.record(parsed, hashes, refused),
      () => this.passwords.hash(parsed.map(({ wanted, password }) => ({ username: wanted.username, password }))),
    );
  }

  private parse(line: number, account: AccountLineDto): ParsedLine | RefusedLineDto {
    try {
      const { displayName, password, passwordHash } = account;
      const username = this.addresses.parseUsername(account.username);
      const emails = account.emails && this.addresses.parseEmails(account.emails);
      return { line, wanted: { username, displayName, emails, passwordHash }, password };
    } catch (error) {
      return refusedLine(line, error);
    }
  }

  private async record(
    lines: readonly ParsedLine[],
    hashes: readonly (string | undefined)[],
    refusedBefore: readonly RefusedLineDto[],
  ): Promise<ImportReportDto> {
    const report = { created: 0, changed: 0, unchanged: 0 };
    const refused = [...refusedBefore];
    await this.addresses.hold();
    const ledger = await this.store.open(lines.map(({ wanted }) => wanted));
    for (const [at, { line, wanted }] of lines.entries()) {
      const outcome = ledger.apply({ ...wanted, passwordHash: hashes[at] ?? wanted.passwordHash });
      if (outcome.kind !== 'taken') report[outcome.kind]++;
      else refused.push(refusedLine(line, new ValidationFailed(outcome.fields)));
    }
    await this.store.write(ledger);
    await this.recordAudit(ledger);
    return { ...report, refused: refused.sort((a, b) => a.line - b.line) };
  }

  private recordAudit({ created, changed }: AccountLedger): Promise<void> {
    return this.audit.recordAll([
      ...created.map(({ id }) => ({ action: 'account.created', object: `account:${id}` })),
      ...changed.map(({ id }) => ({ action: 'account.changed', object: `account:${id}` })),
    ]);
  }
}
