import { describe, expect, it, vi } from 'vitest';
import { DestinationPolicy } from '../../src/transport/addresses.js';
import { Deadline } from '../../src/transport/deadline.js';
import { addressesOf, checkAddresses, type NameResolver, SystemResolver } from '../../src/transport/resolver.js';
import { LOOPBACK_ALLOWED, reasonOf } from './fixture.js';

const answering = (...answers: string[]): NameResolver => ({ resolve: vi.fn(async () => answers) });
const internet = new DestinationPolicy();

/** As the connector does it. */
async function permittedAddresses(host: string, resolver: NameResolver, destinations: DestinationPolicy) {
  const addresses = await addressesOf(host, resolver);
  checkAddresses(host, addresses, destinations);
  return addresses;
}

describe('the system resolver', () => {
  it.each(['localhost', 'cloud1.localhost', 'a.b.localhost'])('knows %s without asking DNS', async (host) =>
    expect(await new SystemResolver(0).resolve(host)).toEqual(['127.0.0.1', '::1']),
  );

  it('fails on a name that has no address', async () => {
    expect(await reasonOf(permittedAddresses('nothing.invalid', new SystemResolver(), internet))).toBe('dns');
  });
});

describe('the addresses that may be dialled', () => {
  it('are all answers, in their order', async () => {
    expect(await permittedAddresses('a.example', answering('2606::1', '1.1.1.1'), internet)).toEqual([
      '2606::1',
      '1.1.1.1',
    ]);
  });

  it.each([
    [['127.0.0.1']],
    [['1.1.1.1', '127.0.0.1']],
    [['10.0.0.1', '1.1.1.1']],
    [['1.1.1.1', '2606::1', '::']],
    [['1.1.1.1', '::ffff:192.168.0.1']],
    [['1.1.1.1', 'not an address']],
  ])('are none if one answer of %j is forbidden', async (answers) => {
    expect(await reasonOf(permittedAddresses('a.example', answering(...answers), internet))).toBe('blocked');
  });

  it('are none for names under .localhost unless loopback is allowed', async () => {
    const system = new SystemResolver();
    expect(await reasonOf(permittedAddresses('a.localhost', system, internet))).toBe('blocked');
    expect(await reasonOf(permittedAddresses('a.localhost', system, new DestinationPolicy(['127.0.0.0/8'])))).toBe(
      'blocked',
    );
    expect(await permittedAddresses('a.localhost', system, LOOPBACK_ALLOWED)).toHaveLength(2);
  });

  it('check an IP literal too, without resolving it', async () => {
    const resolver = answering('1.1.1.1');
    expect(await reasonOf(permittedAddresses('127.0.0.1', resolver, internet))).toBe('blocked');
    expect(await reasonOf(permittedAddresses('::1', resolver, internet))).toBe('blocked');
    expect(await permittedAddresses('1.1.1.1', resolver, internet)).toEqual(['1.1.1.1']);
    expect(resolver.resolve).not.toHaveBeenCalled();
  });

  it('come from one resolution; none, or an error, is a failure of DNS', async () => {
    const resolver = answering('1.1.1.1');
    await permittedAddresses('a.example', resolver, internet);
    expect(resolver.resolve).toHaveBeenCalledTimes(1);
    expect(await reasonOf(permittedAddresses('a.example', answering(), internet))).toBe('dns');
    const broken: NameResolver = { resolve: () => Promise.reject(new Error('SERVFAIL')) };
    expect(await reasonOf(permittedAddresses('a.example', broken, internet))).toBe('dns');
  });
});

describe('a deadline', () => {
  it('ends with the caller, also one that had given up before', async () => {
    const caller = new AbortController();
    const running = new Deadline(1_000, caller.signal);
    const never = running.race(new Promise(() => undefined));
    caller.abort();
    expect(await reasonOf(never)).toBe('timeout');
    expect(await reasonOf(new Deadline(1_000, caller.signal).race(Promise.reject(new Error('late'))))).toBe('timeout');
    running.clear();
  });

  it('leaves the work alone that is done in time', async () => {
    const deadline = new Deadline(1_000);
    expect(await deadline.race(Promise.resolve(7))).toBe(7);
    deadline.clear();
    expect(deadline.signal.aborted).toBe(false);
  });
});
