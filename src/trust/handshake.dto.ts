import { ApiProperty } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsIn, IsOptional, IsString, Matches, MaxLength } from 'class-validator';

const CODE = /^[A-Za-z0-9_-]{22,128}$/;

/** What a cloud says of itself when it asks for trust or gives it. */
class IntroductionDto {
  /**
   * The cloud's public origin.
   * @example "https://cloud2.localhost:8442"
   */
  @IsString()
  @MaxLength(300)
  origin: string;

  /**
   * Where its federation calls arrive: the same host, any port.
   * @example "https://cloud2.localhost:8442"
   */
  @IsString()
  @MaxLength(300)
  endpoint: string;

  /**
   * Brand, shown to people.
   * @example "Cloud 2"
   */
  @IsString()
  @MaxLength(255)
  displayName: string;

  /**
   * Domains it claims to be home of; each but its host waits for our operator.
   * @example ["cloud2.localhost"]
   */
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(253, { each: true })
  domains: string[];

  /**
   * A single-use code of 256 random bits, base64url.
   * @example "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA"
   */
  @IsString()
  @Matches(CODE)
  code: string;

  /**
   * Version of the handshake.
   * @example "1"
   */
  @IsIn(['1'])
  version: string;
}

/** A cloud asks for trust. */
export class TrustRequestDto extends IntroductionDto {}

/** A cloud answers our request for trust, quoting our code. */
export class TrustConfirmationDto extends IntroductionDto {
  /** @example "accepted" */
  @ApiProperty({ enum: ['accepted', 'rejected'] })
  @IsIn(['accepted', 'rejected'])
  decision: 'accepted' | 'rejected';
}

/** A cloud takes its request back. */
export class TrustCancellationDto {
  /** @example "https://cloud2.localhost:8442" */
  @IsString()
  @MaxLength(300)
  origin: string;

  /** @example "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA" */
  @IsString()
  @Matches(CODE)
  code: string;
}

/** A peer ends the relationship. */
export class TrustEndDto {
  /**
   * The reference that the handshake exchanged: ends this relationship, and no later one.
   * @example "kJ2mX1s0vQw9ZbT4yL7cR3nD"
   */
  @IsString()
  @MaxLength(255)
  relationship: string;

  /** @example "FINGERPRINT_MISMATCH" */
  @IsOptional()
  @IsString()
  @Matches(/^[A-Z][A-Z0-9_]{0,63}$/)
  reason?: string;
}

/** The request is stored; an operator will answer it. */
export class TrustRequestedDto {
  /** @example "PENDING" */
  status: 'PENDING';
}

/** What we answer to the cloud that confirmed. */
export class TrustConfirmedDto {
  /** @example "https://cloud1.localhost:8441" */
  origin: string;
  /** @example "Cloud 1" */
  displayName: string;
  /** @example ["cloud1.localhost"] */
  domains: string[];
  /**
   * SHA-256 of our federation key (SPKI): must be the one that made the request.
   * @example "sha256:m5cVbQ0fXo1s7sJfJm3vZt4oWfQmTqk8kq0a1b2c3d4"
   */
  fingerprint: string;
  /**
   * Reference of the relationship, to be quoted when it is ended.
   * @example "kJ2mX1s0vQw9ZbT4yL7cR3nD"
   */
  relationship: string;
}

/** What we see of a peer that pings us. */
export class PongDto {
  /**
   * Our clock.
   * @example "2026-11-23T12:00:00.000Z"
   */
  now: string;
  /** @example "sha256:m5cVbQ0fXo1s7sJfJm3vZt4oWfQmTqk8kq0a1b2c3d4" */
  fingerprintSeen: string;
  /**
   * The reference that the handshake exchanged, as far as we know.
   * @example "kJ2mX1s0vQw9ZbT4yL7cR3nD"
   */
  relationship: string;
}
