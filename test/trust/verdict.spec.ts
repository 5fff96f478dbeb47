import { describe, expect, it } from 'vitest';
import type { PresentedCertificate } from '../../src/trust/presented-certificate.js';
import { TrustedPeer } from '../../src/trust/trusted-peer.js';
import { judge } from '../../src/trust/verdict.js';

const NOW = new Date('2026-11-23T12:00:00Z');
const later = (ms: number) => new Date(NOW.getTime() + ms);

const peer = new TrustedPeer('r1', 'https://b.example', 'sha256:pin', ['b.example'], {}, []);
const certificate: PresentedCertificate = {
  certificate: '',
  pin: 'sha256:pin',
  host: 'b.example',
  validFrom: later(-1_000),
  validTo: later(1_000),
};
const verdict = (values: Partial<PresentedCertificate> = {}, suspended = false) =>
  judge({ ...certificate, ...values }, { peer, suspended }, NOW).kind;

describe('the verdict on a certificate', () => {
  it('is trust for the pinned key, under the one right name, within its dates', () => {
    expect(verdict()).toBe('trusted');
    expect(verdict({}, true)).toBe('suspended');
  });

  it('knows nobody without a relationship', () => {
    expect(judge(certificate, undefined, NOW).kind).toBe('unknown');
  });

  it('has no leeway in dates, and includes both ends', () => {
    expect(verdict({ validTo: NOW })).toBe('trusted');
    expect(verdict({ validTo: later(-1) })).toBe('expired');
    expect(verdict({ validFrom: NOW })).toBe('trusted');
    expect(verdict({ validFrom: later(1) })).toBe('not-yet-valid');
  });

  it('trusts no date that cannot be read', () => {
    expect(verdict({ validFrom: new Date(Number.NaN) })).toBe('not-yet-valid');
    expect(verdict({ validTo: new Date(Number.NaN) })).toBe('expired');
  });

  it('trusts no other name, and no certificate without exactly one', () => {
    expect(verdict({ host: 'c.example' })).toBe('wrong-name');
    expect(verdict({ host: undefined })).toBe('wrong-name');
  });

  it('lets a suspended peer off nothing', () => {
    expect(verdict({ validTo: later(-1) }, true)).toBe('expired');
    expect(verdict({ host: 'c.example' }, true)).toBe('wrong-name');
  });
});
