import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { ValidationFailed } from '../kernel/federation-error.js';

/** Rows of a page if the caller does not say, and how many one may ask for. */
export const PAGE_SIZE = 50;
const PAGE_MAX = 200;

/** The last row of a page: its moment as text in microseconds, as the database has it, and its id. */
export interface Cursor {
  readonly at: string;
  readonly id: string;
}

/** One page of a list; `next` is the cursor of the page after it, null on the last one. */
export interface Page<T> {
  readonly items: T[];
  readonly next: string | null;
}

const MOMENT = /^[12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** SQL that spells a timestamptz as a cursor does: `2026-01-31T23:59:59.123456Z`. A JavaScript Date would lose digits. */
export function momentText(column: string): string {
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}

/** What a caller sent as `?cursor=`; undefined asks for the first page. @throws ValidationFailed `cursor`/`INVALID` */
export function parseCursor(text: unknown): Cursor | undefined {
  if (text === undefined) return undefined;
  const cursor = typeof text === 'string' && text.length <= 512 ? decode(text) : undefined;
  if (!cursor) throw ValidationFailed.of('cursor', 'INVALID');
  return cursor;
}

/** What a caller sent as `?limit=`. @throws ValidationFailed `limit`/`INVALID` */
export function parseLimit(text: unknown): number {
  if (text === undefined) return PAGE_SIZE;
  const limit = typeof text === 'string' && /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > PAGE_MAX) throw ValidationFailed.of('limit', 'INVALID');
  return limit;
}

function encodeCursor({ at, id }: Cursor): string {
  return Buffer.from(JSON.stringify([at, id])).toString('base64url');
}

/** The page in rows of which one more than `limit` was asked for. */
export function pageOf<Row, T>(
  rows: readonly Row[],
  limit: number,
  cursor: (row: Row) => Cursor,
  item: (row: Row) => T,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(item),
    next: last !== undefined && rows.length > limit ? encodeCursor(cursor(last)) : null,
  };
}

/**
 * Reads one page of an entity with `id` and a timestamptz `created_at`, newest first. The query brings its own
 * conditions, and no joins.
 */
export async function readPage<T extends ObjectLiteral & { id: string }>(
  query: SelectQueryBuilder<T>,
  cursor?: Cursor,
  limit: number = PAGE_SIZE,
): Promise<Page<T>> {
  const at = `${query.alias}.created_at`;
  const id = `${query.alias}.id`;
  if (cursor)
    query.andWhere(`(${at}, ${id}) < (:cursorAt::timestamptz, :cursorId)`, {
      cursorAt: cursor.at,
      cursorId: cursor.id,
    });
  const { entities, raw } = await query
    .addSelect(momentText(at), 'cursor_at')
    .orderBy(at, 'DESC')
    .addOrderBy(id, 'DESC')
    .limit(limit + 1)
    .getRawAndEntities<{ cursor_at: string }>();
  const rows = entities.map((entity, index) => ({ entity, at: raw[index]?.cursor_at ?? '' }));
  return pageOf(
    rows,
    limit,
    (row) => ({ at: row.at, id: row.entity.id }),
    (row) => row.entity,
  );
}

function decode(text: string): Cursor | undefined {
  const [at, id, ...rest] = parsedArray(Buffer.from(text, 'base64url').toString('utf8'));
  if (typeof at !== 'string' || typeof id !== 'string' || rest.length > 0) return undefined;
  if (!isMoment(at) || id === '' || id.length > 255 || id.includes('\0')) return undefined;
  return { at, id };
}

/** Round trip through Date: the database would refuse 31 February. */
function isMoment(text: string): boolean {
  if (!MOMENT.test(text)) return false;
  const date = new Date(`${text.slice(0, 23)}Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 23) === text.slice(0, 23);
}

function parsedArray(json: string): unknown[] {
  try {
    const value: unknown = JSON.parse(json);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
