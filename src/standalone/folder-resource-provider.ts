import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { Injectable } from '@nestjs/common';
import { type Account, ResourceProvider } from '../index.js';
import { StandaloneOptions } from './standalone-options.js';

/** What an account can share lies in a folder: `RESOURCES_DIR/<username>/<resourceId>`, a directory or a file. */
@Injectable()
export class FolderResourceProvider extends ResourceProvider {
  constructor(private readonly options: StandaloneOptions) {
    super();
  }

  override async mayShare(owner: Account, resourceId: string): Promise<boolean> {
    const username = owner.username.toString();
    if (!isSegment(username) || !isSegment(resourceId)) return false;
    const root = await real(this.options.resourcesDir);
    const folder = root && path.join(root, username);
    // The owner's folder must be itself: a link there could be the folder of somebody else.
    if (!folder || (await real(folder)) !== folder) return false;
    const resource = await real(path.join(folder, resourceId));
    if (!resource?.startsWith(folder + path.sep)) return false;
    const found = await stat(resource);
    return found.isDirectory() || found.isFile();
  }
}

/** One step of a path, which leads nowhere else. */
function isSegment(text: string): boolean {
  return text !== '' && text !== '.' && text !== '..' && !/[/\\\0]/.test(text);
}

const NOT_THERE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EACCES']);

/** Where a path leads once all links are followed; undefined if that is nowhere, or nothing we may see. */
async function real(file: string): Promise<string | undefined> {
  try {
    return await realpath(file);
  } catch (error) {
    if (NOT_THERE.has((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
