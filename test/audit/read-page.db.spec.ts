import type { TestingModule } from '@nestjs/testing';
import { getDataSourceToken } from '@nestjs/typeorm';
import { DataSource, EntitySchema } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CONNECTION, SCHEMA } from '../../src/persistence/connection.js';
import { parseCursor, readPage } from '../../src/persistence/keyset.js';
import { type FreshDatabase, freshDatabase } from '../support/database.js';
import { auditedCloud } from './audited-cloud.js';

interface Thing {
  id: string;
  kind: string;
  createdAt: Date;
}

const THING = new EntitySchema<Thing>({
  name: 'thing',
  schema: SCHEMA,
  columns: {
    id: { type: 'text', primary: true },
    kind: { type: 'text' },
    createdAt: { type: 'timestamptz', name: 'created_at' },
  },
});

let database: FreshDatabase;
let cloud: TestingModule;
let things: DataSource;

beforeAll(async () => {
  database = await freshDatabase();
  cloud = await auditedCloud(database.url);
  things = await new DataSource({ type: 'postgres', url: database.url, entities: [THING] }).initialize();
  const source = cloud.get<DataSource>(getDataSourceToken(CONNECTION));
  await source.query(`create table federation.thing (id text primary key, kind text, created_at timestamptz)`);
  // Microseconds apart, and three of the same moment.
  await source.query(
    `insert into federation.thing select 't' || n, 'k' || n % 2, timestamptz '2026-01-31 23:59:59.999990+00' + (n / 3) * interval '1 microsecond'
     from generate_series(0, 9) n`,
  );
});

afterAll(async () => {
  await things.destroy();
  await cloud.close();
  await database.drop();
});

async function walk(size: number, kind?: string): Promise<string[][]> {
  const pages: string[][] = [];
  for (let next: string | null | undefined; next !== null; ) {
    const query = things.getRepository(THING).createQueryBuilder('thing');
    if (kind) query.where('thing.kind = :kind', { kind });
    const page = await readPage(query, parseCursor(next), size);
    pages.push(page.items.map((thing) => thing.id));
    next = page.next;
  }
  return pages;
}

it('pages neither repeat nor leave out rows that lie microseconds apart', async () => {
  const newestFirst = ['t9', 't8', 't7', 't6', 't5', 't4', 't3', 't2', 't1', 't0'];
  expect((await walk(1)).flat()).toEqual(newestFirst);
  expect((await walk(4)).map((page) => page.length)).toEqual([4, 4, 2]);
  expect((await walk(4)).flat()).toEqual(newestFirst);
  expect(await walk(5, 'k1')).toEqual([['t9', 't7', 't5', 't3', 't1']]);
});
