import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/kernel/secret.js';
import { stopWithProcess } from '../../src/operations/graceful-stop.js';
import { PinoLogger } from '../../src/operations/logging.js';

/** What a client, a driver or a parser keeps on the errors that it throws. */
function failure(): Error {
  const inner = Object.assign(new Error('connect postgres://entente:canary-1@db/entente failed'), {
    parameters: ['canary-2'],
    query: 'select canary-3',
  });
  return Object.assign(new Error('POST /shares?access_token=canary-4: Bearer canary-5', { cause: inner }), {
    config: { headers: { authorization: 'canary-6' } },
    request: { body: 'canary-7' },
    token: 'canary-8',
    secret: new Secret('canary-9'),
  });
}

describe('the last words of a process', () => {
  it.each([
    ['uncaughtException', failure()],
    ['unhandledRejection', failure()],
    ['unhandledRejection', new AggregateError([failure(), failure()], 'password=canary-a')],
    ['unhandledRejection', { token: 'canary-b', nested: { authorization: 'canary-c', error: failure() } }],
    ['unhandledRejection', new Secret('canary-d')],
  ])('after an %s say what happened, and no secret', async (event, thrown) => {
    const lines: string[] = [];
    const host = Object.assign(new EventEmitter(), { exit: (code: number) => lines.push(`exit ${code}`) as never });
    const logger = new PinoLogger('trace', { write: (line) => void lines.push(line) });
    stopWithProcess({ stop: () => Promise.reject(failure()) }, logger, host as never);
    host.emit(event, thrown);
    await new Promise((resolve) => setImmediate(resolve));
    expect(lines.at(-1)).toBe('exit 1');
    expect(lines.join('\n')).toContain(`${event}: nobody caught this`);
    expect(lines.join('\n')).toContain('stopping failed');
    expect(lines.join('\n').match(/canary-./g)).toBeNull();
  });
});
