import { setTimeout as pause } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Transactions } from '../../src/persistence/transactions.js';
import { type FreshDatabase, freshDatabase } from '../support/database.js';

let database: FreshDatabase;
let source: DataSource;
let transactions: Transactions;

beforeAll(async () => {
  database = await freshDatabase();
  source = await new DataSource({ type: 'postgres', url: database.url, poolSize: 10 }).initialize();
  await source.query('create table note (text text primary key)');
  await source.query('create table later (text text references note deferrable initially deferred)');
  transactions = new Transactions(source);
});
afterAll(async () => {
  await source?.destroy();
  await database?.drop();
});
beforeEach(async () => {
  await source.query('truncate note, later');
});

function write(text: string): Promise<unknown> {
  return transactions.query('insert into note values ($1)', [text]);
}

/** What another session sees. */
async function committed(): Promise<string[]> {
  const rows: { text: string }[] = await source.query('select text from note order by text');
  return rows.map(({ text }) => text);
}

async function transactionId(): Promise<string> {
  const [row] = await transactions.query<{ id: string }>('select pg_current_xact_id()::text as id');
  return row?.id ?? '';
}

const fail = () => Promise.reject(new Error('failed'));

describe('a transaction', () => {
  it('commits what was written once the work is done, and gives its result', async () => {
    const result = await transactions.run(async () => {
      await write('a');
      expect(await committed()).toEqual([]);
      return 'done';
    });
    expect(result).toBe('done');
    expect(await committed()).toEqual(['a']);
  });

  it('leaves nothing behind if the work fails', async () => {
    const work = async () => {
      await write('a');
      await fail();
    };
    await expect(transactions.run(work)).rejects.toThrow('failed');
    expect(await committed()).toEqual([]);
  });

  it('leaves nothing behind if a statement fails', async () => {
    const work = async () => {
      await write('a');
      await write('a');
    };
    await expect(transactions.run(work)).rejects.toMatchObject({ driverError: { code: '23505' } });
    expect(await committed()).toEqual([]);
  });

  it('leaves nothing behind if the commit fails', async () => {
    const hooks: string[] = [];
    const work = async () => {
      await write('a');
      await transactions.query(`insert into later values ('nowhere')`);
      transactions.afterCommit(() => hooks.push('told'));
    };
    await expect(transactions.run(work)).rejects.toThrow(/later/);
    expect(await committed()).toEqual([]);
    expect(hooks).toEqual([]);
  });

  it('is joined by what runs inside of it', async () => {
    const ids = await transactions.run(async () => {
      const outer = await transactionId();
      const inner = await transactions.run(() => transactions.run(transactionId));
      return [outer, inner];
    });
    expect(ids[0]).toBe(ids[1]);
  });

  it('undoes what joined it if it fails afterwards', async () => {
    const work = async () => {
      await transactions.run(() => write('inner'));
      await fail();
    };
    await expect(transactions.run(work)).rejects.toThrow('failed');
    expect(await committed()).toEqual([]);
  });

  it('has one end for all: work that joined has no rollback of its own', async () => {
    await transactions.run(async () => {
      await write('outer');
      const inner = async () => {
        await write('inner');
        await fail();
      };
      await transactions.run(inner).catch(() => undefined);
    });
    expect(await committed()).toEqual(['inner', 'outer']);
  });

  it('is carried through everything that the work awaits', async () => {
    const ids = await transactions.run(async () => {
      const first = await transactionId();
      await pause(1);
      const [second] = await Promise.all([pause(1).then(transactionId)]);
      return [first, second];
    });
    expect(ids[0]).toBe(ids[1]);
  });

  it('is each caller’s own, however many run side by side', async () => {
    const texts = Array.from({ length: 30 }, (_, at) => `t${String(at).padStart(2, '0')}`);
    const ids = await Promise.allSettled(
      texts.map((text, at) =>
        transactions.run(async () => {
          await write(text);
          await pause(at % 5);
          const rows = await transactions.query<{ text: string }>('select text from note');
          expect(rows.filter((row) => row.text.endsWith('5'))).toEqual([]);
          if (text.endsWith('5')) await fail();
          return transactionId();
        }),
      ),
    );
    const kept = ids.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(new Set(kept).size).toBe(kept.length);
    expect(await committed()).toEqual(texts.filter((text) => !text.endsWith('5')));
  }, 20_000);

  it('is not seen by work that was started beside it', async () => {
    let open: (value?: unknown) => void = () => undefined;
    const gate = new Promise((resolve) => {
      open = resolve;
    });
    const inside = transactions.run(async () => {
      await write('inside');
      await gate;
    });
    expect(transactions.isRunning()).toBe(false);
    await write('beside');
    expect(await committed()).toEqual(['beside']);
    open();
    await inside;
    expect(await committed()).toEqual(['beside', 'inside']);
  });

  it('cannot be written to by work that it left behind', async () => {
    let late: Promise<unknown> = Promise.resolve();
    await transactions.run(async () => {
      await write('in time');
      late = pause(20).then(() => write('too late'));
      late.catch(() => undefined);
    });
    await expect(late).rejects.toThrow();
    expect(await committed()).toEqual(['in time']);
  });

  it('gives its connection back, however it ends', async () => {
    for (let round = 0; round < 25; round++) {
      await transactions.run(transactionId);
      await transactions.run(fail).catch(() => undefined);
    }
    expect(await transactionId()).not.toBe('');
  });
});

describe('the current manager', () => {
  it('is the running transaction’s', async () => {
    await transactions.run(async () => {
      expect(transactions.isRunning()).toBe(true);
      expect(transactions.current()).not.toBe(source.manager);
      expect(transactions.current().queryRunner?.isTransactionActive).toBe(true);
    });
  });

  it('commits every statement by itself outside of one', async () => {
    expect(transactions.isRunning()).toBe(false);
    expect(transactions.current()).toBe(source.manager);
    await write('a');
    expect(await committed()).toEqual(['a']);
  });

  it('is the common one again after a transaction that failed', async () => {
    await transactions.run(fail).catch(() => undefined);
    expect(transactions.current()).toBe(source.manager);
  });
});

describe('what is to happen after the commit', () => {
  it('happens in the order in which it was asked for, once others can see what was written', async () => {
    const told: string[] = [];
    let seen: Promise<string[]> = Promise.resolve([]);
    await transactions.run(async () => {
      transactions.afterCommit(() => told.push('first'));
      await transactions.run(async () => transactions.afterCommit(() => told.push('second')));
      await write('a');
      transactions.afterCommit(() => {
        told.push('third');
        seen = committed();
      });
      expect(told).toEqual([]);
    });
    expect(told).toEqual(['first', 'second', 'third']);
    expect(await seen).toEqual(['a']);
  });

  it('waits for the outermost transaction', async () => {
    const told: string[] = [];
    await transactions.run(async () => {
      await transactions.run(async () => transactions.afterCommit(() => told.push('inner')));
      await pause(5);
      expect(told).toEqual([]);
    });
    expect(told).toEqual(['inner']);
  });

  it('never happens after a rollback', async () => {
    const told: string[] = [];
    const work = async () => {
      await transactions.run(async () => transactions.afterCommit(() => told.push('inner')));
      transactions.afterCommit(() => told.push('outer'));
      await fail();
    };
    await transactions.run(work).catch(() => undefined);
    await transactions.run(() => write('a'));
    expect(told).toEqual([]);
  });

  it('happens outside of the transaction', async () => {
    let running: boolean | undefined;
    await transactions.run(async () => {
      transactions.afterCommit(() => {
        running = transactions.isRunning();
      });
    });
    expect(running).toBe(false);
  });

  it('happens at once where no transaction runs', () => {
    const told: string[] = [];
    transactions.afterCommit(() => told.push('at once'));
    expect(told).toEqual(['at once']);
  });
});

describe('rows', () => {
  it('are the same for every kind of statement', async () => {
    expect(await transactions.query(`insert into note values ('a'), ('b') returning text`)).toHaveLength(2);
    expect(await transactions.query('select text from note order by text')).toEqual([{ text: 'a' }, { text: 'b' }]);
    expect(await transactions.query(`update note set text = 'c' where text = 'a' returning text`)).toEqual([
      { text: 'c' },
    ]);
    expect(await transactions.query(`update note set text = 'd' where text = 'none' returning text`)).toEqual([]);
    expect(await transactions.query(`delete from note where text = 'c' returning text`)).toEqual([{ text: 'c' }]);
    expect(await transactions.query('delete from note')).toEqual([]);
  });
});
