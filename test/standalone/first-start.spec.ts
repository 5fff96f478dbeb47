import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepAdminToken, keepSealKey } from '../../src/standalone/first-start.js';
import { makeDataDir } from '../../src/standalone/private-files.js';

let parent: string;
let dataDir: string;

beforeEach(() => {
  parent = mkdtempSync(path.join(os.tmpdir(), 'entente-start-'));
  dataDir = path.join(parent, 'data');
});

afterEach(() => rmSync(parent, { recursive: true }));

const mode = (file: string) => statSync(file).mode & 0o777;

describe('the data directory', () => {
  it('is made for us alone', () => {
    makeDataDir(dataDir);

    expect(mode(dataDir)).toBe(0o700);
  });

  it('is closed to others if it is empty, or ours already', () => {
    mkdirSync(dataDir);
    chmodSync(dataDir, 0o755);
    makeDataDir(dataDir);
    expect(mode(dataDir)).toBe(0o700);

    keepAdminToken(dataDir);
    chmodSync(dataDir, 0o755);
    makeDataDir(dataDir);
    expect(mode(dataDir)).toBe(0o700);
  });

  it('is not a folder that holds other things', () => {
    mkdirSync(dataDir);
    chmodSync(dataDir, 0o755);
    writeFileSync(path.join(dataDir, 'holiday.jpg'), '');

    expect(() => makeDataDir(dataDir)).toThrow(`DATA_DIR is "${dataDir}": it must be a folder of its own`);
    expect(mode(dataDir)).toBe(0o755);
  });

  it('is not a file', () => {
    writeFileSync(dataDir, '');

    expect(() => makeDataDir(dataDir)).toThrow(
      `DATA_DIR is "${dataDir}": it cannot be made or closed to others (EEXIST)`,
    );
  });
});

describe('what is made at first start', () => {
  beforeEach(() => makeDataDir(dataDir));

  it('is an admin token that stays the same, readable by us alone', () => {
    const token = keepAdminToken(dataDir).reveal();

    expect(token.length).toBeGreaterThanOrEqual(32);
    expect(keepAdminToken(dataDir).reveal()).toBe(token);
    expect(readFileSync(path.join(dataDir, 'admin-token'), 'utf8')).toBe(`${token}\n`);
    expect(mode(path.join(dataDir, 'admin-token'))).toBe(0o600);
  });

  it('is a seal key of 32 bytes that stays the same, readable by us alone', () => {
    const key = keepSealKey(dataDir);

    expect(key).toHaveLength(32);
    expect(keepSealKey(dataDir)).toEqual(key);
    expect(mode(path.join(dataDir, 'seal.key'))).toBe(0o600);
  });

  it('is no new seal key for a database that an earlier one has sealed', () => {
    mkdirSync(path.join(dataDir, 'postgres'));

    expect(() => keepSealKey(dataDir)).toThrow(/seal\.key is missing.*put it back from a backup/);
  });

  it('is refused when somebody has spoilt it', () => {
    writeFileSync(path.join(dataDir, 'admin-token'), 'short\n');

    expect(() => keepAdminToken(dataDir)).toThrow(/admin-token must hold a token of at least 32 characters/);
  });
});
