import { describe, expect, it } from 'vitest';
import { CERTIFICATE_FAULTS } from '../../src/trust/certificate-fault.js';
import type { PresentedCertificate } from '../../src/trust/presented-certificate.js';
import { TrustedPeer } from '../../src/trust/trusted-peer.js';
import { judge, REFUSALS } from '../../src/trust/verdict.js';

const NOW = new Date('2026-11-23T12:00:00Z');
const later = (ms: number) => new Date(NOW.getTime() + ms);

const peer = new TrustedPeer('r1', 'https://b.example', 'sha256:pin', ['b.example'], {}, []);
const certificate: PresentedCertificate = {
  certificate: '',
  pin: 'sha256:pin',
  host: 'b.example',
  fault: undefined,
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

  it('trusts no other name, and no certificate with a fault, which is named', () => {
    expect(verdict({ host: 'c.example' })).toBe('wrong-name');
    for (const fault of CERTIFICATE_FAULTS) expect(verdict({ host: undefined, fault })).toBe(fault);
  });

  it('says whose key it is where it refuses a peer, and of nobody else', () => {
    const verdicts = [{ host: 'c.example' }, { fault: 'wrong-purpose' as const }, { validTo: later(-1) }].map(
      (values) => judge({ ...certificate, ...values }, { peer, suspended: false }, NOW),
    );
    expect(verdicts).toEqual([
      { kind: 'wrong-name', peer },
      { kind: 'wrong-purpose', peer },
      { kind: 'expired', peer },
    ]);
    expect(judge(certificate, undefined, NOW)).toEqual({ kind: 'unknown' });
  });

  it('knows no key that cannot be read', () => {
    expect(judge({ ...certificate, pin: '', fault: 'unreadable' }, undefined, NOW).kind).toBe('unreadable');
  });

  it('has a word of its own for every reason', () => {
    expect(new Set(REFUSALS).size).toBe(REFUSALS.length);
    for (const reason of REFUSALS) expect(reason).toMatch(/^[a-z]+(?:-[a-z]+)*$/);
  });

  it('lets a suspended peer off nothing', () => {
    expect(verdict({ validTo: later(-1) }, true)).toBe('expired');
    expect(verdict({ host: 'c.example' }, true)).toBe('wrong-name');
  });
});
