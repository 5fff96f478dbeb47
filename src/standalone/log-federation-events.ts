import { Injectable, Logger } from '@nestjs/common';
import { type FederationEvent, FederationEvents } from '../index.js';

/** Without a host nobody else wants to hear of events: they go to the log, without the names of people and folders. */
@Injectable()
export class LogFederationEvents extends FederationEvents {
  private readonly logger = new Logger('FederationEvents');

  override async tell({ id, type, account, share, reason }: FederationEvent): Promise<void> {
    this.logger.log(`${type}${reason ? ` (${reason})` : ''}: share ${share} of account ${account}, event ${id}`);
  }
}
