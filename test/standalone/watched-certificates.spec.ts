import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { RunningFederation } from '../../src/index.js';
import { keepDevelopmentAuthority, keepDevelopmentCertificate } from '../../src/standalone/development-certificates.js';
import { readEnvironment } from '../../src/standalone/environment.js';
import type { KeyAndCertificate } from '../../src/standalone/setting-files.js';
import { webCertificate } from '../../src/standalone/watched-certificates.js';
import { WatchedFiles } from '../../src/standalone/watched-files.js';

const DAY_MS = 86_400_000;

let data: string;

beforeEach(() => {
  data = mkdtempSync(path.join(os.tmpdir(), 'entente-development-'));
  mkdirSync(path.join(data, 'cloud1'));
  vi.useFakeTimers({ toFake: ['Date'] });
});

afterEach(() => {
  vi.useRealTimers();
  rmSync(data, { recursive: true });
});

it('a development certificate is made anew a week before its end, while the server runs', async () => {
  const folder = path.join(data, 'cloud1');
  const authority = await keepDevelopmentAuthority(folder);
  const old = await authority.issue('cloud1.localhost', { days: 10 });
  writeFileSync(path.join(folder, 'web.crt'), old.certificate);
  writeFileSync(path.join(folder, 'web.key'), old.privateKey);
  const shown: KeyAndCertificate[] = [await keepDevelopmentCertificate(folder, 'cloud1.localhost')];
  const alerts = { raise: vi.fn(), settle: vi.fn() };
  const federation = {
    app: { get: () => alerts },
    logger: { log: vi.fn(), warn: vi.fn() },
    describe: () => ({}),
    reloadWebCertificate: (web: KeyAndCertificate) => void shown.push(web),
  } as unknown as RunningFederation;
  const files = webCertificate(readEnvironment({ DATA_DIR: folder }), federation, shown[0] as KeyAndCertificate);
  const watched = new WatchedFiles(files);

  for (const day of [0, 2.9]) {
    vi.setSystemTime(Date.now() + day * DAY_MS);
    await watched.look();
  }
  expect(shown.map(({ certificate }) => certificate)).toEqual([old.certificate]);

  vi.setSystemTime(Date.now() + 0.2 * DAY_MS);
  for (const _time of [1, 2, 3]) await watched.look();
  expect(shown).toHaveLength(2);
  const renewed = new X509Certificate(shown[1]?.certificate ?? '');
  expect(Date.parse(renewed.validTo)).toBeGreaterThan(Date.now() + 300 * DAY_MS);
  expect(renewed.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
  expect(alerts.raise).not.toHaveBeenCalled();
});
