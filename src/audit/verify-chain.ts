import { Injectable } from '@nestjs/common';
import { Transactions } from '../persistence/transactions.js';
import { type ChainHead, EMPTY_CHAIN, HeadProof } from './audit-head.js';
import { type AuditRow, hashOfLink, hashOfRow } from './audit-row.js';
import { ENTRY_COLUMNS, type EntryColumns, rowFrom } from './entry-columns.js';

export type ChainProblem =
  /** The entry is not what was recorded. */
  | 'row-altered'
  /** The entry is gone. */
  | 'row-missing'
  /** The link, or what vouches for the end of the chain, is not what was sealed. */
  | 'link-altered'
  /** Links are gone: from within, or from the end. */
  | 'gap'
  /** The links hold, but not in this order. */
  | 'order';

export type ChainVerdict =
  | {
      readonly verdict: 'intact';
      readonly length: number;
      /** Entries that are recorded and not linked yet. */
      readonly unsealed: number;
      /** Hash of the last link: noted elsewhere, it proves later that nothing up to here was replaced. */
      readonly head: string;
    }
  | {
      readonly verdict: 'broken';
      /** Where the first bad row stands, or would stand, in the chain. */
      readonly position: number;
      /** Null where it cannot be known any more. */
      readonly entryId: string | null;
      readonly problem: ChainProblem;
    };

type Broken = Extract<ChainVerdict, { verdict: 'broken' }>;

interface Link extends ChainHead {
  readonly entryId: string;
  readonly rowHash: string | null;
  /** Undefined if the entry is gone. */
  readonly row: AuditRow | undefined;
}

interface SealedHead extends ChainHead {
  readonly proof: string;
}

const PAGE = 1_000;

const LINKS = `
  select l.position, l.entry_id, l.hash, ${ENTRY_COLUMNS}
  from federation.audit_link l left join federation.audit_entry e on e.id = l.entry_id
  where l.position > $1 order by l.position limit ${PAGE}`;

// Whether what should follow $2 stands further on (not too far: this is one statement), by its own hash or its entry's.
const MOVED = `
  select 1 from federation.audit_link l join federation.audit_entry e on e.id = l.entry_id
  cross join lateral (select rtrim(translate(encode(sha256(convert_to($2 || e'\\n' || e.row_hash, 'UTF8')), 'base64'), '+/', '-_'), '=')) as h (hash)
  where l.position > $1 and l.position <= $1 + 100000 and h.hash in (l.hash, $3) limit 1`;

const NEXT = `
  select l.hash, e.row_hash from federation.audit_link l join federation.audit_entry e on e.id = l.entry_id
  where l.position = $1 + 1`;

// Entries are walked by their key; those with neither a link nor a place in the queue have lost it.
const UNLINKED = `
  with page as (select id, at from federation.audit_entry where id > $1 order by id limit ${PAGE})
  select (select max(id) from page) as last, (
    select p.id from page p
    where not exists (select from federation.audit_link l where l.entry_id = p.id)
      and not exists (select from federation.audit_pending q where q.entry_id = p.id)
    order by p.at, p.id limit 1) as unlinked`;

const QUEUE = `
  select count(*) as unsealed, min(q.entry_id) filter (where e.id is null) as lost
  from federation.audit_pending q left join federation.audit_entry e on e.id = q.entry_id`;

/** Walks the chain from its start and recomputes every hash; reads in pages, blocks nobody. */
@Injectable()
export class VerifyChain {
  private running: Promise<ChainVerdict> | undefined;

  constructor(
    private readonly transactions: Transactions,
    private readonly proof: HeadProof,
  ) {}

  /** One walk at a time: whoever asks meanwhile gets the verdict of the walk that is under way. */
  execute(): Promise<ChainVerdict> {
    this.running ??= this.verify().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  private async verify(): Promise<ChainVerdict> {
    // Read first: every link up to it is visible to the walk, and those sealed meanwhile do no harm.
    const sealed = await this.sealedHead();
    const end = await this.walk(sealed);
    if ('verdict' in end) return end;
    const next = end.position + 1;
    if (sealed && end.position < sealed.position) return broken(next, null, 'gap');
    if (!sealed && end.position > 0 && !(await this.sealedHead())) return broken(end.position, null, 'link-altered');
    const unlinked = await this.firstUnlinked();
    if (unlinked) return broken(next, unlinked, 'gap');
    const [queue] = await this.transactions.query<{ unsealed: string; lost: string | null }>(QUEUE);
    if (queue?.lost) return broken(next, queue.lost, 'row-missing');
    return { verdict: 'intact', length: end.position, unsealed: Number(queue?.unsealed ?? 0), head: end.hash };
  }

  /** The end of the chain, or the first link that does not hold. */
  private async walk(sealed: SealedHead | undefined): Promise<ChainHead | Broken> {
    let previous = EMPTY_CHAIN;
    for await (const link of this.links()) {
      const problem = problemOf(previous, link);
      if (problem === 'gap') return broken(previous.position + 1, null, problem);
      if (problem === 'mismatch')
        return broken(link.position, link.entryId, await this.whatHappened(previous, link, sealed));
      if (problem) return broken(link.position, link.entryId, problem);
      if (link.position === sealed?.position && !this.vouchesFor(link, sealed)) {
        return broken(link.position, link.entryId, 'link-altered');
      }
      previous = { position: link.position, hash: link.hash };
    }
    return previous;
  }

  private async *links(): AsyncGenerator<Link> {
    for (let after = 0, size = PAGE; size === PAGE; ) {
      const page = await this.transactions.query<LinkColumns>(LINKS, [after]);
      for (const columns of page) yield linkFrom(columns);
      size = page.length;
      after = Number(page.at(-1)?.position ?? after);
    }
  }

  /** Entry and link do not belong together: which of them is not what it was? */
  private async whatHappened(previous: ChainHead, link: Link, sealed: SealedHead | undefined): Promise<ChainProblem> {
    const moved = await this.transactions.query(MOVED, [link.position, previous.hash, link.hash]);
    if (moved.length > 0) return 'order';
    // The link after it, or the proof of the end, was computed from this one's hash: so the entry was replaced, hash and all.
    const [next] = await this.transactions.query<{ hash: string; row_hash: string }>(NEXT, [link.position]);
    const vouched = next ? hashOfLink(link.hash, next.row_hash) === next.hash : this.vouchesFor(link, sealed);
    return vouched ? 'row-altered' : 'link-altered';
  }

  private vouchesFor(link: ChainHead, sealed: SealedHead | undefined): boolean {
    return sealed?.position === link.position && sealed.hash === link.hash && this.proof.of(sealed) === sealed.proof;
  }

  private async firstUnlinked(): Promise<string | null> {
    for (let after = ''; ; ) {
      const [page] = await this.transactions.query<{ last: string | null; unlinked: string | null }>(UNLINKED, [after]);
      if (!page?.last || page.unlinked) return page?.unlinked ?? null;
      after = page.last;
    }
  }

  private async sealedHead(): Promise<SealedHead | undefined> {
    const [head] = await this.transactions.query<{ position: string; hash: string; proof: string }>(
      'select position, hash, proof from federation.audit_head',
    );
    return head && { ...head, position: Number(head.position) };
  }
}

interface LinkColumns extends EntryColumns {
  readonly position: string;
  readonly entry_id: string;
  readonly hash: string;
}

function linkFrom(columns: LinkColumns): Link {
  const row = columns.id === null ? undefined : rowFrom(columns);
  return {
    position: Number(columns.position),
    entryId: columns.entry_id,
    hash: columns.hash,
    rowHash: columns.row_hash,
    row,
  };
}

function problemOf(previous: ChainHead, link: Link): ChainProblem | 'mismatch' | undefined {
  if (link.position !== previous.position + 1) return 'gap';
  if (!link.row) return 'row-missing';
  if (hashOfRow(link.row) !== link.rowHash) return 'row-altered';
  return hashOfLink(previous.hash, link.rowHash) === link.hash ? undefined : 'mismatch';
}

function broken(position: number, entryId: string | null, problem: ChainProblem): Broken {
  return { verdict: 'broken', position, entryId, problem };
}
