import { randomBytes } from 'node:crypto';
import { Injectable, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import pg from 'pg';
import { OwnCloud } from '../../src/host/own-cloud.js';
import { Secret } from '../../src/kernel/secret.js';
import { PinoLogger } from '../../src/operations/logging.js';
import {
  type Attempt,
  Delivers,
  type Delivery,
  DeliveryHandler,
  LocalHandler,
  type Settlement,
} from '../../src/outbox/delivery-handler.js';
import { type Enqueued, Outbox } from '../../src/outbox/outbox.js';
import { OutboxModule } from '../../src/outbox/outbox.module.js';
import { PersistenceModule } from '../../src/persistence/persistence.module.js';
import { Transactions } from '../../src/persistence/transactions.js';

class Options {}
const SEAL_KEY = randomBytes(32);

interface Message {
  readonly text: string;
}

/** Does what a test tells it to, and writes down what it was asked. */
@Injectable()
@Delivers('test')
export class ScriptedHandler extends DeliveryHandler<Message> {
  constructor(private readonly transactions: Transactions) {
    super();
  }

  readonly attempts: (Delivery<Message> & { readonly at: number })[] = [];
  attempting: (delivery: Delivery<Message>) => Promise<Attempt> = async () => ({ kind: 'delivered' });
  settling: (delivery: Delivery<Message>, settlement: Settlement) => Promise<void> = async () => undefined;

  override async attempt(delivery: Delivery<Message>): Promise<Attempt> {
    this.attempts.push({ ...delivery, at: Date.now() });
    return this.attempting(delivery);
  }

  /** Leaves a mark in the transaction that it runs in: what is rolled back was never settled. */
  override async settled(delivery: Delivery<Message>, settlement: Settlement): Promise<void> {
    await this.settling(delivery, settlement);
    await this.transactions.query(
      `insert into federation.inbox (peer, key, digest, answer) values ('settled', $1, '', $2)`,
      [randomBytes(9).toString('hex'), JSON.stringify({ text: delivery.meaning.text, settlement })],
    );
  }

  get texts(): string[] {
    return this.attempts.map(({ meaning }) => meaning.text);
  }
}

/** The same for what is told within the process. */
@Injectable()
@Delivers('local')
export class ScriptedLocal extends LocalHandler<Message> {
  readonly texts: string[] = [];
  telling: (delivery: Delivery<Message>) => Promise<void> = async () => undefined;

  override tell(delivery: Delivery<Message>): Promise<void> {
    this.texts.push(delivery.meaning.text);
    return this.telling(delivery);
  }
}

/** One node: a process with nothing but an outbox. Several may work on one database. */
export class Node {
  private constructor(
    private readonly app: TestingModule,
    /** Lines of its log, as the server writes them. */
    readonly logged: readonly string[],
  ) {}

  /** @param running whether it delivers, or only writes */
  static async on(url: string, running: 'working' | 'idle' = 'working'): Promise<Node> {
    const cloud = new OwnCloud({
      publicOrigin: 'https://cloud1.localhost:8441',
      database: { url },
      sealKey: SEAL_KEY,
      adminToken: new Secret('bootstrap-token-of-at-least-32-characters'),
    });
    @Module({ imports: [OutboxModule], providers: [ScriptedHandler, ScriptedLocal] })
    class Capability {}
    const logged: string[] = [];
    const app = await Test.createTestingModule({
      imports: [
        { module: Options, global: true, providers: [{ provide: OwnCloud, useValue: cloud }], exports: [OwnCloud] },
        PersistenceModule,
        Capability,
      ],
    })
      .setLogger(new PinoLogger('warn', { write: (line) => void logged.push(line) }))
      .compile();
    if (running === 'working') await app.init();
    return new Node(app, logged);
  }

  get handler(): ScriptedHandler {
    return this.app.get(ScriptedHandler, { strict: false });
  }

  get local(): ScriptedLocal {
    return this.app.get(ScriptedLocal, { strict: false });
  }

  get<T>(type: abstract new (...args: never[]) => T): T {
    return this.app.get<T>(type as never, { strict: false });
  }

  get outbox(): Outbox {
    return this.get(Outbox);
  }

  transaction<T>(work: () => Promise<T>): Promise<T> {
    return this.get(Transactions).run(work);
  }

  /** Enqueues in a transaction of its own. */
  send(text: string, more: Partial<Enqueued> = {}): Promise<string> {
    return this.transaction(() => this.enqueue(text, more));
  }

  enqueue(text: string, more: Partial<Enqueued> = {}): Promise<string> {
    return this.outbox.enqueue({ kind: 'test', peer: 'peer', orderingKey: text, meaning: { text }, ...more });
  }

  stop(): Promise<void> {
    return this.app.close();
  }
}

export interface DeliveryState {
  readonly id: string;
  readonly state: string;
  readonly attempts: number;
  readonly reason: string | null;
  readonly sealed: string | null;
  readonly fence: string;
  readonly lease_until: Date | null;
  /** Seconds from now until it is due. */
  readonly wait: number;
}

export interface Settled {
  readonly text: string;
  readonly settlement: Settlement;
}

/** A view on the database from outside of every node. */
export class Onlooker {
  private readonly pool: pg.Pool;

  constructor(url: string) {
    this.pool = new pg.Pool({ connectionString: url, max: 2 });
  }

  async rows<Row extends pg.QueryResultRow>(sql: string, ...values: unknown[]): Promise<Row[]> {
    return (await this.pool.query<Row>(sql, values)).rows;
  }

  /** What handlers have been told, as far as it was committed, oldest first. */
  async settlements(): Promise<Settled[]> {
    const rows = await this.rows<{ answer: Settled }>(
      `select answer from federation.inbox where peer = 'settled' order by created_at`,
    );
    return rows.map(({ answer }) => answer);
  }

  async clear(): Promise<void> {
    await this.rows('delete from federation.delivery');
    await this.rows('delete from federation.inbox');
  }

  async delivery(id: string): Promise<DeliveryState> {
    const [row] = await this.rows<DeliveryState>(
      `select *, extract(epoch from due_at - now())::float as wait from federation.delivery where id = $1`,
      id,
    );
    if (!row) throw new Error(`no delivery ${id}`);
    return row;
  }

  close(): Promise<void> {
    return this.pool.end();
  }
}

/** A promise that is kept from outside. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

export async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 5_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
