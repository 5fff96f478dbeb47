import { Injectable } from '@nestjs/common';
import { NotFound, Transactions } from '../../index.js';

/** Keeps an account as it is, for whoever changes or removes it. */
@Injectable()
export class HoldAccount {
  constructor(private readonly transactions: Transactions) {}

  /**
   * Until the running transaction ends nobody else changes or removes the account. Whoever also holds the addresses holds
   * those first.
   * @throws NotFound
   */
  async execute(id: string): Promise<void> {
    const rows = id.includes('\0')
      ? []
      : await this.transactions.query('select id from federation.account where id = $1 for update', [id]);
    if (rows.length === 0) throw new NotFound(`account ${id}`);
  }
}
