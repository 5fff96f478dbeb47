import { EventEmitter } from 'node:events';
import { setImmediate as soon } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { once, stopWithProcess } from '../../src/operations/graceful-stop.js';
import { PinoLogger } from '../../src/operations/logging.js';

function tied(stop: () => Promise<void>) {
  const codes: unknown[] = [];
  const lines: string[] = [];
  const host = Object.assign(new EventEmitter(), { exit: (code: unknown) => codes.push(code) });
  const logger = new PinoLogger('info', { write: (line: string) => lines.push(line) });
  stopWithProcess({ stop: once(stop) }, logger, host as unknown as NodeJS.Process);
  return { host, codes, lines };
}

describe('a server tied to its process', () => {
  it.each(['SIGTERM', 'SIGINT'])('stops at %s and exits 0', async (signal) => {
    let stopped = false;
    const { host, codes } = tied(async () => {
      stopped = true;
    });
    host.emit(signal);
    await soon();
    expect({ stopped, codes }).toEqual({ stopped: true, codes: [0] });
  });

  it.each(['uncaughtException', 'unhandledRejection'])(
    'logs an %s, stops, and exits 1 even if it was stopping',
    async (event) => {
      const { host, codes, lines } = tied(() => soon().then(() => undefined));
      host.emit('SIGTERM');
      host.emit(event, new Error('lost'));
      await soon();
      await soon();
      expect(codes).toEqual([1, 1]);
      expect(lines.join('')).toContain('lost');
    },
  );

  it('exits 1 at once at a second signal', async () => {
    const { host, codes } = tied(() => new Promise(() => undefined));
    host.emit('SIGTERM');
    host.emit('SIGINT');
    await soon();
    expect(codes).toEqual([1]);
  });

  it('exits 1 if it cannot stop', async () => {
    const { host, codes } = tied(() => Promise.reject(new Error('stuck')));
    host.emit('SIGTERM');
    await soon();
    expect(codes).toEqual([1]);
  });
});
