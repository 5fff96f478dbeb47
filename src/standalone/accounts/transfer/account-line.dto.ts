import { IsString, MaxLength } from 'class-validator';
import { ErrorBodyDto } from '../../../index.js';
import { CreateAccountDto, MayBeMissing } from '../account.dto.js';
import { IsPasswordHash } from './password-hash.js';

/** One account of a file: an exported line, or one of the same form. */
export class AccountLineDto extends CreateAccountDto {
  /** Instead of a password: argon2id in PHC form, such as another directory has it. */
  @MayBeMissing()
  @IsString()
  @IsPasswordHash()
  passwordHash?: string;

  /** Passed over: where the line comes from it is another's. */
  @MayBeMissing()
  @IsString()
  @MaxLength(255)
  id?: string;

  /** Passed over. */
  @MayBeMissing()
  @IsString()
  @MaxLength(255)
  createdAt?: string;
}

/** Why a line had no effect: as one account's refusal would say it, `TAKEN` for an address of another account. */
export class RefusedLineDto extends ErrorBodyDto {
  /**
   * Counted from 1, empty ones too.
   * @example 17
   */
  line: number;
}

/** What became of the lines. */
export class ImportReportDto {
  /** @example 498 */
  created: number;

  /** @example 0 */
  changed: number;

  /** @example 1 */
  unchanged: number;

  refused: RefusedLineDto[];
}
