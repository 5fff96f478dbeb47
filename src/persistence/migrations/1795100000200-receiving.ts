import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Two functions for the one statement that receives a share. */
export class Receiving1795100000200 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop function federation.may_come(text, text, text, text), federation.take_back(text)');
  }
}

const STATEMENTS = [
  // Volatile: its queries see what has been committed by the moment of the call, and not only what was when the statement
  // around it began. Whoever calls it holds the locks that keep the answer true.
  `create function federation.may_come(relationship text, share text, account text, owner_domain text) returns boolean
    language plpgsql volatile as $$
    begin
      return not exists (select from federation.share_tombstone t where t.relationship_id = $1 and t.share_id = $2)
        and not exists (select from federation.forgotten_account f where f.account_id = $3)
        and ($4 is null or exists (select from federation.relationship_domain d
          where d.relationship_id = $1 and d.domain = $4 and d.status = 'effective'));
    end
  $$`,
  `create function federation.take_back(reason text) returns boolean language plpgsql volatile as $$
    begin
      raise exception '%', reason using errcode = 'ENT01';
    end
  $$`,
];
