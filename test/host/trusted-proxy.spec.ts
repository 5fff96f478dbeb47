import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { TrustedProxy } from '../../src/host/trusted-proxy.js';

const from = (remoteAddress?: string) => ({ remoteAddress }) as Socket;
const request = (remoteAddress: string | undefined, hops?: string) =>
  ({ socket: from(remoteAddress), headers: { 'x-forwarded-for': hops } }) as unknown as IncomingMessage;

describe('the proxy before us', () => {
  it('is known by its network', () => {
    const proxy = new TrustedProxy({ trusted: ['127.0.0.2/32', 'fd00::/8'] });
    for (const address of ['127.0.0.2', '::ffff:127.0.0.2', 'fd12::1']) expect(proxy.isAt(from(address))).toBe(true);
    for (const address of ['127.0.0.1', '::1', '', undefined]) expect(proxy.isAt(from(address))).toBe(false);
  });

  it('is whoever calls through the unix socket, which has no address', () => {
    const proxy = new TrustedProxy({ trusted: 'unix' });
    expect([proxy.isAt(from(undefined)), proxy.isAt(from('127.0.0.1'))]).toEqual([true, false]);
  });

  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['10.0.0.1, 192.0.2.7', '192.0.2.7'],
    ['10.0.0.1,::ffff:192.0.2.7 ', '192.0.2.7'],
    ['192.0.2.7, 2001:DB8::0:1', '2001:db8::1'],
    ['192.0.2.7,', ''],
    ['192.0.2.7:80', ''],
    ['[2001:db8::1]', ''],
    ['unknown', ''],
    [undefined, ''],
  ])('says for whom it speaks: of %j the last', (hops, address) => {
    expect(new TrustedProxy({ trusted: 'unix' }).callerOf(request(undefined, hops))).toBe(address);
  });

  it('is not asked about connections of others', () => {
    const proxy = new TrustedProxy({ trusted: ['127.0.0.2/32'] });
    expect(proxy.callerOf(request('127.0.0.1', '192.0.2.7'))).toBe('127.0.0.1');
  });

  it.each([[[]], [['127.0.0.1']], [['localhost/32']], [['127.0.0.1/33']], [['::ffff:127.0.0.1/128']]])(
    'cannot be %j',
    (trusted) => {
      expect(() => new TrustedProxy({ trusted })).toThrow(TypeError);
    },
  );
});
