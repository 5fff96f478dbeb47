import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { currentContext, type RequestContext, runInContext } from '../../src/kernel/request-context.js';

function contextOf(requestId: string): RequestContext {
  return { requestId, actor: { kind: 'stranger', id: '' } };
}

describe('the context of a request', () => {
  it('is that of a host in process where nobody has set one', () => {
    expect(currentContext()).toEqual({ requestId: '', actor: { kind: 'host', id: 'in-process' } });
  });

  it('is seen by everything that the work awaits', async () => {
    const seen = await runInContext(contextOf('r1'), async () => {
      await pause(1);
      const inside = await Promise.all([pause(1).then(() => currentContext().requestId)]);
      return [...inside, currentContext().requestId];
    });
    expect(seen).toEqual(['r1', 'r1']);
  });

  it('is not seen outside', async () => {
    const work = runInContext(contextOf('r1'), () => pause(5));
    expect(currentContext().requestId).toBe('');
    await work;
    expect(currentContext().requestId).toBe('');
  });

  it('is each request’s own, however many are under way', async () => {
    const ids = Array.from({ length: 50 }, (_, at) => `r${at}`);
    const seen = await Promise.all(
      ids.map((id, at) =>
        runInContext(contextOf(id), async () => {
          await pause(at % 5);
          currentContext().actor = { kind: 'peer', id };
          await pause(at % 3);
          return [currentContext().requestId, currentContext().actor.id];
        }),
      ),
    );
    expect(seen).toEqual(ids.map((id) => [id, id]));
  });

  it('keeps the actor that a guard has noted', async () => {
    const context = contextOf('r1');
    await runInContext(context, async () => {
      await pause(1);
      currentContext().actor = { kind: 'operator', id: 'bootstrap' };
    });
    expect(context.actor).toEqual({ kind: 'operator', id: 'bootstrap' });
  });

  it('is the inner one while work runs on behalf of another actor', () => {
    runInContext(contextOf('outer'), () => {
      runInContext(contextOf('inner'), () => expect(currentContext().requestId).toBe('inner'));
      expect(currentContext().requestId).toBe('outer');
    });
  });

  it('ends with work that throws', () => {
    const work = () =>
      runInContext(contextOf('r1'), () => {
        throw new Error('failed');
      });
    expect(work).toThrow('failed');
    expect(currentContext().requestId).toBe('');
  });
});
