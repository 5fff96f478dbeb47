import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { once as onlyOnce } from '../../src/operations/graceful-stop.js';
import { HOST, open, parseAnswer, readAll, startTinyApp, type TinyApp } from './tiny-app.js';

const keptAlive = (path: string) => `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\nX-Known: yes\r\n\r\n`;

describe('stopping', () => {
  let tiny: TinyApp;
  let stop: () => Promise<void>;
  beforeEach(async () => {
    tiny = await startTinyApp();
    stop = onlyOnce(() => tiny.app.close());
  });
  afterEach(() => stop());

  it('lets what is in flight end, and ends its connection', async () => {
    const socket = await open(tiny.port);
    socket.write(keptAlive('/things/slow'));
    const answer = readAll(socket, 5_000);
    await pause(50);
    await stop();
    expect(parseAnswer(await answer)).toMatchObject({
      status: 200,
      headers: { connection: 'close' },
      body: '{"slow":true}',
    });
  });

  it('accepts no new connections and closes idle ones, while something is still in flight', async () => {
    const idle = await open(tiny.port);
    idle.write(keptAlive('/things/a'));
    await once(idle, 'data');
    const busy = await open(tiny.port);
    busy.write(keptAlive('/things/slow'));
    busy.resume();
    await pause(50);
    const stopped = stop();
    await once(idle.resume(), 'close');
    const late = connect(tiny.port, '127.0.0.1');
    await expect(once(late, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(busy.destroyed).toBe(false);
    await stopped;
  });

  it('does not begin what comes late on a connection that is still open', async () => {
    const socket = await open(tiny.port);
    socket.write(keptAlive('/things/slow'));
    await pause(50);
    const stopped = stop();
    socket.write(keptAlive('/things/a'));
    const text = await readAll(socket, 3_000);
    expect(text).not.toContain('{"id":"a"}');
    await stopped;
  });

  it('does not wait for streams, which have no end of their own', async () => {
    const socket = await open(tiny.port);
    socket.write(keptAlive('/things/stream'));
    const [head] = await once(socket, 'data');
    expect(String(head)).toContain('text/event-stream');
    const began = performance.now();
    await stop();
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  it('does not wait for half a request', async () => {
    const socket = await open(tiny.port);
    socket.write('GET /things HTTP/1.1\r\nHost');
    await pause(50);
    const began = performance.now();
    await stop();
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  it('is one thing however often it is asked for', async () => {
    expect(stop()).toBe(stop());
    await stop();
    expect(tiny.adapter.isDraining).toBe(true);
  });
});
