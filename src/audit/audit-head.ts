import { Injectable } from '@nestjs/common';
import { OwnCloud } from '../host/own-cloud.js';
import { CHAIN_START } from './audit-row.js';

/** The end of the chain: where the next link goes, and what it follows. */
export interface ChainHead {
  readonly position: number;
  readonly hash: string;
}

export const EMPTY_CHAIN: ChainHead = { position: 0, hash: CHAIN_START };

/**
 * Vouches for the end of the chain with the seal key, which is not in the database: whoever can write there, but does
 * not have the key, can neither cut the newest rows off nor compute the whole chain anew without it showing.
 */
@Injectable()
export class HeadProof {
  constructor(private readonly cloud: OwnCloud) {}

  of({ position, hash }: ChainHead): string {
    return this.cloud.sealKey.digest(JSON.stringify(['entente-audit-head-1', position, hash]));
  }
}
