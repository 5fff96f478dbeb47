import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { FederationOptions } from '../../src/host/federation-options.js';
import { OptionRefused, OwnCloud } from '../../src/host/own-cloud.js';
import { FederatedAddress } from '../../src/kernel/federated-address.js';
import { Secret } from '../../src/kernel/secret.js';

const TOKEN = 'canary-token-of-at-least-32-characters';

function cloudWith(options: Partial<FederationOptions> = {}): OwnCloud {
  return new OwnCloud({
    publicOrigin: 'https://cloud1.de',
    database: { url: 'postgres://localhost/none' },
    sealKey: randomBytes(32),
    adminToken: new Secret(TOKEN),
    ...options,
  });
}

describe('our own cloud', () => {
  it('needs little more than an origin', () => {
    const cloud = cloudWith();
    expect(String(cloud.origin)).toBe('https://cloud1.de');
    expect(String(cloud.endpoint)).toBe('https://cloud1.de');
    expect(cloud.displayName).toBe('cloud1.de');
    expect(cloud.domains).toEqual(['cloud1.de']);
    expect(cloud.switches).toEqual({ federation: true, sharing: true, login: true });
    expect([cloud.acceptAtOnce, cloud.requireFingerprint, cloud.hasFederationListener]).toEqual([false, false, false]);
  });

  it('takes what it is told', () => {
    const cloud = cloudWith({
      publicOrigin: 'https://Cloud1.de:8441/',
      federationOrigin: 'https://cloud1.de:8451',
      displayName: 'Cloud 1',
      domains: ['Cloud1.DE', 'staff.cloud1.de'],
      switches: { login: false },
      acceptInvitations: 'auto',
      requireFingerprint: true,
    });
    expect(String(cloud.origin)).toBe('https://cloud1.de:8441');
    expect(String(cloud.endpoint)).toBe('https://cloud1.de:8451');
    expect(cloud.displayName).toBe('Cloud 1');
    expect(cloud.domains).toEqual(['cloud1.de', 'staff.cloud1.de']);
    expect(cloud.switches).toEqual({ federation: true, sharing: true, login: false });
    expect([cloud.acceptAtOnce, cloud.requireFingerprint, cloud.hasFederationListener]).toEqual([true, true, true]);
  });

  it('has no listener of its own for peers if both origins are one, however they are spelt', () => {
    expect(cloudWith({ federationOrigin: 'https://CLOUD1.de:443/' }).hasFederationListener).toBe(false);
  });

  it('leaves the listener for peers to the proxy before it', () => {
    const proxy = { trusted: 'unix' } as const;
    expect(cloudWith({ federationOrigin: 'https://cloud1.de:8451', proxy }).hasFederationListener).toBe(false);
  });

  it('is the home of addresses in its domains, not in their sub-domains', () => {
    const cloud = cloudWith({ domains: ['cloud1.de', 'example.org'] });
    const isHomeOf = (text: string) => cloud.isHomeOf(FederatedAddress.parse(text));
    expect(isHomeOf('alice@cloud1.de')).toBe(true);
    expect(isHomeOf('alice@Example.ORG')).toBe(true);
    expect(isHomeOf('alice@sub.cloud1.de')).toBe(false);
    expect(isHomeOf('bob@cloud2.de')).toBe(false);
  });

  it('may have an origin outside of its domains', () => {
    const cloud = cloudWith({ publicOrigin: 'https://cloud.example.org', domains: ['example.org'] });
    expect(cloud.isHomeOf(FederatedAddress.parse('alice@example.org'))).toBe(true);
    expect(cloud.isHomeOf(FederatedAddress.parse('alice@cloud.example.org'))).toBe(false);
  });

  it.each<[string, Partial<FederationOptions>]>([
    ['publicOrigin', { publicOrigin: 'http://cloud1.de' }],
    ['publicOrigin', { publicOrigin: 'https://127.0.0.1' }],
    ['publicOrigin', { publicOrigin: 'https://straße.de' }],
    ['publicOrigin', { publicOrigin: 'https://cloud1.de/path' }],
    ['federationOrigin', { federationOrigin: 'cloud1.de:8451' }],
    ['federationOrigin', { federationOrigin: 'https://federation.cloud1.de' }],
    ['domains', { domains: ['cloud1.de', 'cloud2.de/'] }],
    ['domains', { domains: ['cloud1.de.'] }],
    ['domains', { domains: [] }],
    ['proxy', { proxy: { trusted: [] } }],
    ['proxy', { proxy: { trusted: ['127.0.0.1'] } }],
    ['displayName', { displayName: 'Cloud\n1' }],
    ['displayName', { displayName: 'é'.repeat(128) }],
    ['sealKey', { sealKey: randomBytes(16) }],
    ['adminToken', { adminToken: new Secret('x'.repeat(31)) }],
  ])('refuses an unusable %s by its name', (option, options) => {
    expect(() => cloudWith(options)).toThrow(OptionRefused);
    expect(() => cloudWith(options)).toThrow(`federation option ${option}: `);
  });

  it('has everything on unless it is switched off: undefined is no switch', () => {
    const switches = { federation: undefined, sharing: undefined, login: false };
    expect(cloudWith({ switches }).switches).toEqual({ federation: true, sharing: true, login: false });
  });

  it('names each of its domains once', () => {
    expect(cloudWith({ domains: ['cloud1.de', 'CLOUD1.de'] }).domains).toEqual(['cloud1.de']);
  });

  it('gives no secret away when it is printed', () => {
    const sealKey = randomBytes(32);
    const cloud = cloudWith({ sealKey });
    expect(inspect(cloud, { depth: null, showHidden: true })).not.toContain(TOKEN);
    expect(JSON.stringify(cloud)).not.toContain(TOKEN);
    expect(inspect(cloud.sealKey, { depth: null, showHidden: true })).not.toContain(sealKey.toString('hex', 0, 4));
    expect(JSON.stringify(cloud.sealKey)).toBe(JSON.stringify({ fingerprint: cloud.sealKey.fingerprint }));
  });
});
