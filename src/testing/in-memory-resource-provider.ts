import { type Account, ResourceProvider } from '../index.js';

/** What accounts may share, as a set for each of them. */
export class InMemoryResourceProvider extends ResourceProvider {
  private readonly resources = new Map<string, Set<string>>();

  override async mayShare(owner: Account, resourceId: string): Promise<boolean> {
    return this.resources.get(owner.id)?.has(resourceId) ?? false;
  }

  add(owner: Account, resourceId: string): void {
    this.resources.set(owner.id, (this.resources.get(owner.id) ?? new Set()).add(resourceId));
  }

  remove(owner: Account, resourceId: string): void {
    this.resources.get(owner.id)?.delete(resourceId);
  }
}
