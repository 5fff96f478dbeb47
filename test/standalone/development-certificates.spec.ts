import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepDevelopmentAuthority, keepDevelopmentCertificate } from '../../src/standalone/development-certificates.js';

let data: string;
let cloud1: string;

beforeEach(() => {
  data = mkdtempSync(path.join(os.tmpdir(), 'entente-certificates-'));
  cloud1 = path.join(data, 'cloud1');
  mkdirSync(cloud1);
});

afterEach(() => rmSync(data, { recursive: true }));

const certificateIn = (folder: string, name: string) => new X509Certificate(readFileSync(path.join(folder, name)));

describe('a development certificate', () => {
  it('names the host, comes from an authority of its own, and stays', async () => {
    const made = await keepDevelopmentCertificate(cloud1, 'cloud1.localhost');
    const again = await keepDevelopmentCertificate(cloud1, 'cloud1.localhost');

    expect(certificateIn(cloud1, 'web.crt').checkHost('cloud1.localhost', { subject: 'never' })).toBe(
      'cloud1.localhost',
    );
    expect(certificateIn(cloud1, 'web.crt').checkIssued(certificateIn(cloud1, 'dev-ca.crt'))).toBe(true);
    expect(new X509Certificate(again.certificate).fingerprint256).toBe(
      new X509Certificate(made.certificate).fingerprint256,
    );
    expect(made.authorityFile).toBe(path.join(cloud1, 'dev-ca.crt'));
    for (const name of readdirSync(cloud1)) expect(statSync(path.join(cloud1, name)).mode & 0o777).toBe(0o600);
  });

  it('comes from the authority beside the data directory, if there is one', async () => {
    const authority = await keepDevelopmentAuthority(data);
    const made = await keepDevelopmentCertificate(cloud1, 'cloud1.localhost');

    expect(made.authorityFile).toBe(path.join(data, 'dev-ca.crt'));
    expect(new X509Certificate(made.certificate).verify(new X509Certificate(authority.certificate).publicKey)).toBe(
      true,
    );
    expect(readdirSync(cloud1).sort()).toEqual(['web.crt', 'web.key']);
  });

  it.each([
    ['it is for another host', { host: 'cloud9.localhost' }],
    ['less than a week of it is left', { days: 6 }],
  ])('is made anew when %s', async (_, { host = 'cloud1.localhost', days }: { host?: string; days?: number }) => {
    const authority = await keepDevelopmentAuthority(cloud1);
    const old = await authority.issue(host, { days });
    writeFileSync(path.join(cloud1, 'web.crt'), old.certificate);
    writeFileSync(path.join(cloud1, 'web.key'), old.privateKey);
    const made = await keepDevelopmentCertificate(cloud1, 'cloud1.localhost');

    expect(made.certificate).not.toBe(old.certificate);
    expect(Date.parse(certificateIn(cloud1, 'web.crt').validTo)).toBeGreaterThan(Date.now() + 30 * 86_400_000);
  });

  it('is made anew when its authority or its key was lost', async () => {
    const first = await keepDevelopmentCertificate(cloud1, 'cloud1.localhost');
    rmSync(path.join(cloud1, 'dev-ca.key'));
    const second = await keepDevelopmentCertificate(cloud1, 'cloud1.localhost');
    rmSync(path.join(cloud1, 'web.key'));
    const third = await keepDevelopmentCertificate(cloud1, 'cloud1.localhost');

    expect(new Set([first.certificate, second.certificate, third.certificate]).size).toBe(3);
    expect(certificateIn(cloud1, 'web.crt').verify(certificateIn(cloud1, 'dev-ca.crt').publicKey)).toBe(true);
  });
});
