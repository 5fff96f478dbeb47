import { Injectable } from '@nestjs/common';
import { type Cursor, PAGE_SIZE, type Page, pageOf } from '../persistence/keyset.js';
import { Transactions } from '../persistence/transactions.js';
import type { AuditRow } from './audit-row.js';
import { ENTRY_COLUMNS, type EntryColumns, rowFrom } from './entry-columns.js';

export interface EntryFilter {
  readonly action?: string;
  readonly object?: string;
  readonly peer?: string;
}

/** Entries that match, newest first; the equalities are exact. */
@Injectable()
export class SearchEntries {
  constructor(private readonly transactions: Transactions) {}

  async execute(filter: EntryFilter, cursor?: Cursor, limit: number = PAGE_SIZE): Promise<Page<AuditRow>> {
    const conditions: string[] = [];
    const parameters: unknown[] = [limit + 1];
    for (const [column, value] of [
      ['action', filter.action],
      ['object', filter.object],
      ['peer', filter.peer],
    ] as const) {
      if (value !== undefined) conditions.push(`e.${column} = $${parameters.push(value)}`);
    }
    if (cursor)
      conditions.push(`(e.at, e.id) < ($${parameters.push(cursor.at)}::timestamptz, $${parameters.push(cursor.id)})`);
    const rows = await this.transactions.query<EntryColumns>(
      `select ${ENTRY_COLUMNS} from federation.audit_entry e ${conditions.length > 0 ? `where ${conditions.join(' and ')}` : ''}
       order by e.at desc, e.id desc limit $1`,
      parameters,
    );
    return pageOf(
      rows.map(rowFrom),
      limit,
      ({ at, id }) => ({ at, id }),
      (row) => row,
    );
  }
}
