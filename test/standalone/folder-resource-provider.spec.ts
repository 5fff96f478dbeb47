import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FederatedAddress } from '../../src/index.js';
import { FolderResourceProvider } from '../../src/standalone/folder-resource-provider.js';
import { StandaloneOptions } from '../../src/standalone/standalone-options.js';

let parent: string;
let root: string;
let provider: FolderResourceProvider;

beforeAll(() => {
  parent = mkdtempSync(path.join(os.tmpdir(), 'entente-resources-'));
  root = path.join(parent, 'resources');
  for (const owner of ['alice@cloud1.localhost', 'bob@cloud1.localhost']) {
    mkdirSync(path.join(root, owner, 'photos', '2026'), { recursive: true });
    writeFileSync(path.join(root, owner, 'notes.txt'), '');
  }
  mkdirSync(path.join(parent, 'secrets'));
  const alice = path.join(root, 'alice@cloud1.localhost');
  symlinkSync('photos', path.join(alice, 'same-photos'));
  symlinkSync(path.join(parent, 'secrets'), path.join(alice, 'out'));
  symlinkSync('../bob@cloud1.localhost/photos', path.join(alice, 'bobs-photos'));
  symlinkSync('.', path.join(alice, 'everything'));
  symlinkSync('nowhere', path.join(alice, 'dangling'));
  symlinkSync('loop', path.join(alice, 'loop'));
  symlinkSync('bob@cloud1.localhost', path.join(root, 'mallory@cloud1.localhost'));
  provider = new FolderResourceProvider(new StandaloneOptions(['cloud1.localhost'], root));
});

afterAll(() => rmSync(parent, { recursive: true }));

const mayShare = (resourceId: string, owner = 'alice@cloud1.localhost') =>
  provider.mayShare({ id: 'a1', username: FederatedAddress.parse(owner), displayName: 'Alice' }, resourceId);

describe('what an account may share', () => {
  it.each(['photos', 'notes.txt', 'same-photos'])('is what lies in its folder: %s', async (resourceId) => {
    expect(await mayShare(resourceId)).toBe(true);
  });

  it.each([
    'nothing-there',
    '',
    '.',
    '..',
    '../bob@cloud1.localhost',
    'photos/2026',
    'photos/',
    '/etc',
    '..\\bob',
    'photos\0',
    'out',
    'bobs-photos',
    'everything',
    'dangling',
    'loop',
    'x'.repeat(300),
  ])('is nothing else: %j', async (resourceId) => {
    expect(await mayShare(resourceId)).toBe(false);
  });

  it('is nothing for an account without a folder, or whose folder is a link to that of another', async () => {
    expect(await mayShare('photos', 'nobody@cloud1.localhost')).toBe(false);
    expect(await mayShare('photos', 'mallory@cloud1.localhost')).toBe(false);
  });
});
