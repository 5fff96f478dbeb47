import { Injectable } from '@nestjs/common';
import { Transactions } from '../persistence/transactions.js';

/** Every key that is or was ours, or will be. */
@Injectable()
export class OwnKeys {
  constructor(private readonly transactions: Transactions) {}

  async isOurs(pin: string): Promise<boolean> {
    const rows = await this.transactions.query(
      'select from federation.own_key where pin = $1 union all select from federation.own_rotation where pin = $1',
      [pin],
    );
    return rows.length > 0;
  }
}
