import { ApiProperty } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsOptional, IsString, Matches, MaxLength, ValidateIf } from 'class-validator';
import { IsMoment } from '../ocm/validation/moment.js';
import { IsOneLine, MaxBytes } from '../ocm/validation/text-rules.js';
import { Nested } from '../ocm/validation/validate-body.js';
import { PeerPolicyDto } from './peer-policy.dto.js';
import { IsDisplayName, IsSecurityContact } from './profile-rules.js';
import { AnnouncedKeyDto, PresentedKeyDto } from './service-keys.dto.js';
import { LastTestDto } from './service-test.dto.js';

export const FINGERPRINT = /^sha256:[A-Za-z0-9_-]{43}$/;

/** May be left out, but null would be a mistake: nobody should trust a cloud otherwise than meant because a file was empty. */
const IfGiven = () => ValidateIf((_, value) => value !== undefined);

export class AddServiceDto {
  /**
   * Public origin of the cloud.
   * @example "https://cloud2.localhost:8442"
   */
  @IsString()
  @MaxLength(300)
  url: string;

  /**
   * Its fingerprint, as its operator told you: anything else will not be trusted.
   * @example "sha256:m5cVbQ0fXo1s7sJfJm3vZt4oWfQmTqk8kq0a1b2c3d4"
   */
  @IsOptional()
  @Matches(FINGERPRINT)
  expectedFingerprint?: string;

  /**
   * Domains beside its host that it may speak for.
   * @example []
   */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(253, { each: true })
  domains?: string[];

  /** What holds for this peer, from the start. */
  @IfGiven()
  @Nested(() => PeerPolicyDto)
  policy?: PeerPolicyDto;

  /** Its federation certificate, one PEM block: the cloud is not asked, but trusted by hand, at once. */
  @IfGiven()
  @IsString()
  @MaxBytes(16_384)
  certificate?: string;
}

export class AcceptServiceDto {
  /**
   * The fingerprint shown with the request, as compared with the other operator.
   * @example "sha256:m5cVbQ0fXo1s7sJfJm3vZt4oWfQmTqk8kq0a1b2c3d4"
   */
  @IsOptional()
  @Matches(FINGERPRINT)
  fingerprint?: string;
}

export class SuspendServiceDto {
  /**
   * Why, for our own operators: one line of at most 255 bytes.
   * @example "INCIDENT-4711"
   */
  @IsOptional()
  @IsString()
  @IsOneLine()
  @MaxBytes(255)
  reason?: string;
}

export class ChangeServiceDto {
  /**
   * All domains beside its host that the peer may speak for; left out: as they are.
   * @example ["cloud2.example"]
   */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(253, { each: true })
  domains?: string[];

  /** What holds for this peer; members that are left out stay as they are. */
  @IfGiven()
  @Nested(() => PeerPolicyDto)
  policy?: PeerPolicyDto;

  /**
   * What it is called here; answers a proposal of its own.
   * @example "Cloud 2"
   */
  @IfGiven()
  @IsDisplayName()
  displayName?: string;

  @ApiProperty({
    type: String,
    required: false,
    nullable: true,
    example: 'security@cloud2.localhost',
    description: 'Whom to tell of an incident: an e-mail address, a mailto or an https URL. Null: nobody is named.',
  })
  @IsOptional()
  @IsString()
  @IsSecurityContact()
  securityContact?: string | null;

  @ApiProperty({
    type: String,
    required: false,
    nullable: true,
    example: '2099-12-31T23:59:59Z',
    description: 'When you mean to look at it again, ISO 8601. Null: never.',
  })
  @IsOptional()
  @IsMoment()
  @MaxBytes(40)
  reviewAt?: string | null;
}

/** What a peer proposes; null where it proposes nothing. */
class ProposedDto {
  @ApiProperty({ type: String, nullable: true, example: null })
  displayName: string | null;
  @ApiProperty({ type: String, nullable: true, example: null })
  securityContact: string | null;
}

/** A cloud, and how we stand with it. */
export class ServiceDto {
  /** @example "kJ2mX1s0vQw9ZbT4yL7cR3nD" */
  id: string;
  /** @example "https://cloud2.localhost:8442" */
  origin: string;
  /** @example "Cloud 2" */
  displayName: string;
  @ApiProperty({
    enum: ['REQUESTED', 'INVITED', 'CONFIRMING', 'TRUSTED', 'SUSPENDED', 'REVOKED', 'REJECTED'],
    description:
      'REQUESTED: we asked. INVITED: they asked, and wait for you. CONFIRMING: you accepted, they have not answered yet.',
  })
  state: string;
  /**
   * Why it is in this state, or why the last attempt to reach it failed.
   * @example null
   */
  reason: string | null;
  /**
   * Since when it is in this state.
   * @example "2026-11-23T12:00:00.000Z"
   */
  since: string;
  /**
   * When we next try to tell it something; null if nothing waits, or it is suspended.
   * @example null
   */
  nextAttempt: string | null;
  /**
   * Of its federation key: as trusted, or as presented with the request.
   * @example "sha256:m5cVbQ0fXo1s7sJfJm3vZt4oWfQmTqk8kq0a1b2c3d4"
   */
  fingerprint: string | null;
  @ApiProperty({ type: AnnouncedKeyDto, nullable: true, example: null, description: 'The key that it will change to.' })
  announced: AnnouncedKeyDto | null;
  @ApiProperty({
    type: PresentedKeyDto,
    nullable: true,
    example: null,
    description: 'Another key that was shown in its name. Proves nothing: compare it by telephone.',
  })
  presented: PresentedKeyDto | null;
  /**
   * Whether it missed the change of our own key, so that its operator has to re-approve us.
   * @example false
   */
  missedOurKey: boolean;
  /**
   * Until when the certificate with that key lasts.
   * @example "2027-11-23T12:00:00.000Z"
   */
  certificateUntil: string | null;
  /**
   * Domains it speaks for.
   * @example ["cloud2.localhost"]
   */
  domains: string[];
  /**
   * Domains it claims, which wait for you.
   * @example []
   */
  proposedDomains: string[];
  /**
   * Whether its key was given by an operator here, without a handshake.
   * @example false
   */
  trustedByHand: boolean;
  @ApiProperty({ type: String, nullable: true, example: 'security@cloud2.localhost' })
  securityContact: string | null;
  @ApiProperty({ type: String, nullable: true, example: null, description: 'When you mean to look at it again.' })
  reviewAt: string | null;
  /** What it says of itself that waits for you, beside its domains. */
  proposed: ProposedDto;
  /** What holds for it beside the settings of the whole cloud: only what was set. */
  policy: PeerPolicyDto;
  @ApiProperty({ type: LastTestDto, nullable: true, description: 'What the last test came to; null before the first.' })
  lastTest: LastTestDto | null;
}

export class ServiceListDto {
  items: ServiceDto[];
  /**
   * Cursor of the next page; null at the end.
   * @example null
   */
  next: string | null;
}
