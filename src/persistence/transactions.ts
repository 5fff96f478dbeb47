import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Pool, PoolClient } from 'pg';
import { DataSource, type EntityManager, type EntityTarget, type ObjectLiteral, type Repository } from 'typeorm';
import { CONNECTION } from './connection.js';

/** SQL that is run for every request: the database plans it once for each connection, under its name. */
export interface PreparedSql {
  /** No other SQL has the same. */
  readonly name: string;
  readonly text: string;
}

interface Running {
  readonly manager: EntityManager;
  readonly afterCommit: (() => void)[];
}

/**
 * The one way to write: a transaction that is carried by the asynchronous context, so that acts, outbox and audit join
 * it without handing a manager around.
 */
@Injectable()
export class Transactions {
  private readonly running = new AsyncLocalStorage<Running>();

  constructor(@InjectDataSource(CONNECTION) private readonly dataSource: DataSource) {}

  /** Runs the work in a transaction; joins the one that is running, if any. Commits when the work resolves. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.running.getStore()) return work();
    const afterCommit: (() => void)[] = [];
    const result = await this.dataSource.transaction((manager) => this.running.run({ manager, afterCommit }, work));
    for (const hook of afterCommit) hook();
    return result;
  }

  /** The manager of the running transaction; outside of one, a manager that commits every statement by itself. */
  current(): EntityManager {
    return this.running.getStore()?.manager ?? this.dataSource.manager;
  }

  repository<T extends ObjectLiteral>(entity: EntityTarget<T>): Repository<T> {
    return this.current().getRepository(entity);
  }

  /** SQL with `$1` parameters, in the running transaction; the rows (of RETURNING too). */
  async query<Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    const result: unknown = await this.current().query(sql, parameters);
    return rowsOf(result) as Row[];
  }

  /** The database's time at this moment: the one clock that all nodes share. */
  async now(): Promise<Date> {
    const [row] = await this.query<{ now: Date }>('select clock_timestamp() as now');
    if (!row) throw new TypeError('a database without a clock');
    return row.now;
  }

  /** As `query`, for SQL that is planned once; goes to the driver directly, whose errors it throws. */
  async prepared<Row extends object>(sql: PreparedSql, parameters: unknown[]): Promise<Row[]> {
    const connection = await this.connection();
    return (await connection.query<Row>({ ...sql, values: parameters })).rows;
  }

  /** Whether a transaction is running here: network calls must not happen in one. */
  isRunning(): boolean {
    return this.running.getStore() !== undefined;
  }

  /** Runs once the outermost transaction has committed, at once if there is none; never after a rollback. */
  afterCommit(hook: () => void): void {
    const running = this.running.getStore();
    if (running) running.afterCommit.push(hook);
    else hook();
  }

  /** What TypeORM itself talks to: the session of the running transaction, or whichever is free. */
  private async connection(): Promise<Pool | PoolClient> {
    const runner = this.running.getStore()?.manager.queryRunner;
    if (runner) return (await runner.connect()) as PoolClient;
    return (this.dataSource.driver as unknown as { readonly master: Pool }).master;
  }
}

/** TypeORM answers UPDATE and DELETE with [rows, count], everything else with the rows. */
function rowsOf(result: unknown): unknown[] {
  if (Array.isArray(result) && result.length === 2 && Array.isArray(result[0]) && typeof result[1] === 'number') {
    return result[0];
  }
  return Array.isArray(result) ? result : [];
}
