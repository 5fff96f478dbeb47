import { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Origin, Secret, Transactions } from '../../src/index.js';
import { SCHEMA } from '../../src/persistence/connection.js';
import { SnakeCaseColumns } from '../../src/persistence/naming.js';
import { ForeignSession } from '../../src/standalone/sessions/foreign-session.entity.js';
import { TableSessionIssuer } from '../../src/standalone/sessions/table-session-issuer.js';
import { type FreshDatabase, freshDatabase } from '../support/database.js';

const cloud1 = Origin.parse('https://cloud1.localhost:8441');
const cloud2 = Origin.parse('https://cloud2.localhost:8442');

let database: FreshDatabase;
let dataSource: DataSource;
let transactions: Transactions;
let sessions: TableSessionIssuer;

const open = (home: Origin) =>
  sessions.open({ home, subject: 's-1', username: `bob@${home.host}`, displayName: 'Bob' });
const stateOf = async (id: string) => {
  const idHash = new Secret(id).hash();
  const found = await transactions.repository(ForeignSession).findOneByOrFail({ idHash });
  return found.endedAt ? 'ended' : 'open';
};

beforeAll(async () => {
  database = await freshDatabase();
  dataSource = await new DataSource({
    type: 'postgres',
    url: database.url,
    schema: SCHEMA,
    entities: [ForeignSession],
    namingStrategy: new SnakeCaseColumns(),
  }).initialize();
  transactions = new Transactions(dataSource);
  sessions = new TableSessionIssuer(transactions);
});

afterAll(async () => {
  await dataSource?.destroy();
  await database?.drop();
});

it('opens a session under an id of 256 bits, of which only the hash is kept', async () => {
  const id = await open(cloud2);
  const rows = await transactions.query<{ row: string }>('select s::text as row from federation.foreign_session s');

  expect(Buffer.from(id, 'base64url')).toHaveLength(32);
  expect(rows.some(({ row }) => row.includes(id))).toBe(false);
  expect(await stateOf(id)).toBe('open');
});

it('ends the sessions of one cloud, and of no other', async () => {
  const [one, two] = [await open(cloud1), await open(cloud2)];
  await sessions.endAllFrom(cloud2);

  expect(await stateOf(one)).toBe('open');
  expect(await stateOf(two)).toBe('ended');
});

it('ends none if the transaction that ends the trust fails', async () => {
  const id = await open(cloud2);
  const failing = transactions.run(async () => {
    await sessions.endAllFrom(cloud2);
    throw new Error('no');
  });

  await expect(failing).rejects.toThrow('no');
  expect(await stateOf(id)).toBe('open');
});
