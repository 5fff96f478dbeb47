import 'reflect-metadata';
import { type ColumnType, DataSource, type EntityMetadata, getMetadataArgsStorage } from 'typeorm';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCHEMA } from '../../src/persistence/connection.js';
import { SnakeCaseColumns } from '../../src/persistence/naming.js';
import { type FreshDatabase, freshDatabase } from '../support/database.js';
import { codeOf, filesIn, ROOT } from './sources.js';

/** TypeORM's own list of what has run. */
const NOT_OURS = 'migration';

/** How `information_schema` calls what we write shorter. */
const FULL_NAMES: Record<string, string> = { timestamptz: 'timestamp with time zone', int: 'integer', int8: 'bigint' };

interface Column {
  readonly type: string;
  readonly nullable: boolean;
  readonly primary: boolean;
}

const ENTITY_FILES = filesIn('src', '.ts').filter((file) => /@Entity\(/.test(codeOf(file)));

describe('the schema', () => {
  let database: FreshDatabase;
  let dataSource: DataSource;
  let tables: Map<string, Record<string, Column>>;

  beforeAll(async () => {
    const modules = await Promise.all(ENTITY_FILES.map((file) => import(`${ROOT}/${file}`)));
    const ours = new Set(modules.flatMap((module) => Object.values(module as object)));
    database = await freshDatabase();
    dataSource = new DataSource({
      type: 'postgres',
      url: database.url,
      schema: SCHEMA,
      namingStrategy: new SnakeCaseColumns(),
      entities: getMetadataArgsStorage()
        .tables.map(({ target }) => target)
        .filter((target) => ours.has(target)),
    });
    await dataSource.initialize();
    tables = await migratedTables(dataSource);
  });
  afterAll(async () => {
    await dataSource?.destroy();
    await database?.drop();
  });

  it('has a table for every entity', () => {
    const names = dataSource.entityMetadatas.map(({ schema, tableName }) => `${schema}.${tableName}`);
    expect(names.length).toBeGreaterThanOrEqual(ENTITY_FILES.length);
    expect(names.filter((name) => !tables.has(name.replace(`${SCHEMA}.`, '')))).toEqual([]);
  });

  it.each(ENTITY_FILES)('is what the entities of %s say: names, types, nullability, primary keys', async (file) => {
    const classes = Object.values((await import(`${ROOT}/${file}`)) as Record<string, unknown>);
    const entities = dataSource.entityMetadatas.filter(({ target }) => classes.includes(target));
    expect(entities.length).toBeGreaterThan(0);
    for (const entity of entities) expect(columnsOf(entity), entity.tableName).toEqual(tables.get(entity.tableName));
  });

  it('gives every table a primary key', () => {
    const keyless = [...tables].filter(([, columns]) => !Object.values(columns).some(({ primary }) => primary));
    expect(keyless.map(([table]) => table)).toEqual([]);
  });

  it('draws no number from a sequence of its own: no serial', async () => {
    const serial: { name: string }[] = await dataSource.query(
      `select table_name || '.' || column_name as name from information_schema.columns
       where table_schema = $1 and table_name <> $2 and column_default like 'nextval(%'`,
      [SCHEMA, NOT_OURS],
    );
    expect(serial).toEqual([]);
  });

  it('keeps texts as text and moments with their time zone', () => {
    const odd = [...tables].flatMap(([table, columns]) =>
      Object.entries(columns)
        .filter(([, { type }]) => /^(?:character|timestamp without|time |json$)/.test(type))
        .map(([name, { type }]) => `${table}.${name}: ${type}`),
    );
    expect(odd).toEqual([]);
  });
});

/** What the migrations have made, table by table. */
async function migratedTables(dataSource: DataSource): Promise<Map<string, Record<string, Column>>> {
  const rows: { table: string; column: string; type: string; nullable: boolean; primary: boolean }[] =
    await dataSource.query(
      `select c.table_name as table, c.column_name as column, c.data_type as type, c.is_nullable = 'YES' as nullable,
         exists (select from information_schema.table_constraints t
                 join information_schema.key_column_usage k using (constraint_schema, constraint_name, table_name)
                 where t.constraint_type = 'PRIMARY KEY' and t.table_schema = c.table_schema
                   and t.table_name = c.table_name and k.column_name = c.column_name) as primary
       from information_schema.columns c where c.table_schema = $1 and c.table_name <> $2`,
      [SCHEMA, NOT_OURS],
    );
  const tables = new Map<string, Record<string, Column>>();
  for (const { table, column, ...rest } of rows) tables.set(table, { ...tables.get(table), [column]: rest });
  return tables;
}

function columnsOf(entity: EntityMetadata): Record<string, Column> {
  return Object.fromEntries(
    entity.columns.map((column: ColumnMetadata) => [
      column.databaseName,
      { type: fullName(column.type), nullable: column.isNullable, primary: column.isPrimary },
    ]),
  );
}

function fullName(type: ColumnType): string {
  const name = typeof type === 'function' ? type.name.toLowerCase() : type;
  return FULL_NAMES[name] ?? name;
}
