import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { ForAnyone } from '../access/audience.js';
import { OwnCloud } from '../host/own-cloud.js';
import { OwnIdentity } from './own-identity.js';

/** Where peers call a cloud, and by which key they know it. */
export class PeerDocumentDto {
  /** @example "https://cloud1.localhost:8441" */
  origin: string;
  /**
   * Where its federation calls arrive: the same host, any port.
   * @example "https://cloud1.localhost:8441"
   */
  endpoint: string;
  /** @example "sha256:m5cVbQ0fXo1s7sJfJm3vZt4oWfQmTqk8kq0a1b2c3d4" */
  fingerprint: string;
}

/** What an operator's URL leads to, for clouds whose peers call on another port. */
@ApiTags('Trust')
@Controller('federation')
@ForAnyone()
export class PeerDocumentController {
  constructor(
    private readonly cloud: OwnCloud,
    private readonly identity: OwnIdentity,
  ) {}

  /** Where this cloud is called by its peers. */
  @Get()
  @ApiOkResponse({ type: PeerDocumentDto })
  read(): PeerDocumentDto {
    const { origin, endpoint } = this.cloud;
    return { origin: origin.toString(), endpoint: endpoint.toString(), fingerprint: this.identity.current().pin };
  }
}
