import { ArrayMaxSize, ArrayUnique, IsArray, IsOptional, IsString, MinLength, ValidateIf } from 'class-validator';
import { IsOneLine, MaxBytes } from '../../index.js';

/** A field that may be left out, but not be null. */
export function MayBeMissing(): PropertyDecorator {
  return ValidateIf((_, value) => value !== undefined);
}

/** A new account. */
export class CreateAccountDto {
  /**
   * `name@domain`, in one of this cloud's domains; at most 320 bytes.
   * @example carol@cloud1.localhost
   */
  @IsString()
  @MaxBytes(320)
  username: string;

  /**
   * What people see, at most 255 bytes.
   * @example Carol Example
   */
  @IsString()
  @MaxBytes(255)
  @IsOneLine()
  displayName: string;

  /**
   * Other addresses that find this account, at most 20; each belongs to one account only.
   * @example ["carol@example.org"]
   */
  @MayBeMissing()
  @IsArray()
  @ArrayMaxSize(20)
  @ArrayUnique()
  @IsString({ each: true })
  emails?: string[];

  /**
   * For the local sign-in: 8 characters to 1,024 bytes; without one there is none. Kept as argon2id only.
   * @example correct horse battery staple
   */
  @MayBeMissing()
  @IsString()
  @MinLength(8)
  @MaxBytes(1024)
  password?: string;
}

/** What changes; what is left out stays. */
export class ChangeAccountDto {
  /**
   * `name@domain`, in one of this cloud's domains; at most 320 bytes. Shares that were made keep the old one.
   * @example carol@cloud1.localhost
   */
  @MayBeMissing()
  @IsString()
  @MaxBytes(320)
  username?: string;

  /**
   * What people see, at most 255 bytes.
   * @example Carol Example
   */
  @MayBeMissing()
  @IsString()
  @MaxBytes(255)
  @IsOneLine()
  displayName?: string;

  /**
   * All the other addresses from now on, at most 20.
   * @example ["carol@example.org"]
   */
  @MayBeMissing()
  @IsArray()
  @ArrayMaxSize(20)
  @ArrayUnique()
  @IsString({ each: true })
  emails?: string[];

  /**
   * A new password, or null to end the sign-in by password.
   * @example correct horse battery staple
   */
  @IsOptional()
  @IsString()
  @MinLength(8)
  @MaxBytes(1024)
  password?: string | null;
}

/** An account as its host sees it. */
export class AccountDto {
  /** @example h3kS0vJb7m1Yt2RrQ9cXwZpA */
  id: string;

  /** @example carol@cloud1.localhost */
  username: string;

  /** @example Carol Example */
  displayName: string;

  /** @example ["carol@example.org"] */
  emails: string[];

  /** @example 2026-01-31T23:59:59.000Z */
  createdAt: string;
}

/** One page of accounts, newest first. */
export class AccountPageDto {
  items: AccountDto[];

  /**
   * Send it as `cursor` for the next page; null on the last one.
   * @example null
   */
  next: string | null;
}
