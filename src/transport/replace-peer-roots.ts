import { Injectable } from '@nestjs/common';
import { PeerClient } from './peer-client.js';

/** Other roots for peers' web certificates while we run, beside the system's: what `outbound.extraRoots` says at the start. */
@Injectable()
export class ReplacePeerRoots {
  constructor(private readonly client: PeerClient) {}

  /** @param roots PEM texts. @throws TypeError if one cannot be read: what held before holds on. */
  execute(roots: readonly string[]): void {
    this.client.judgeBy(roots);
  }
}
