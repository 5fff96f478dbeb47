import { Injectable } from '@nestjs/common';
import { type ForeignIdentity, type Origin, Secret, SessionIssuer, Transactions } from '../../index.js';
import { ForeignSession } from './foreign-session.entity.js';

/** Sessions of people from other clouds, in a table of our own. */
@Injectable()
export class TableSessionIssuer extends SessionIssuer {
  constructor(private readonly transactions: Transactions) {
    super();
  }

  override async open(identity: ForeignIdentity): Promise<string> {
    const id = Secret.random();
    await this.transactions.repository(ForeignSession).insert({
      idHash: id.hash(),
      home: identity.home.toString(),
      subject: identity.subject,
      username: identity.username,
      displayName: identity.displayName,
    });
    return id.reveal();
  }

  override async endAllFrom(home: Origin): Promise<void> {
    await this.transactions.query(
      'update federation.foreign_session set ended_at = now() where home = $1 and ended_at is null',
      [home.toString()],
    );
  }
}
