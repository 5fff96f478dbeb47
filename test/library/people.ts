import { Injectable, Module } from '@nestjs/common';
import { InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import { Column, Entity, PrimaryGeneratedColumn, Repository } from 'typeorm';
import { type Account, AccountDirectory, FederatedAddress } from '../../src/index.js';

/** Somebody who uses the platform: a number and a login, as the platform has always had them. */
@Entity({ name: 'person' })
export class Person {
  @PrimaryGeneratedColumn()
  id: number;

  @Column('text', { unique: true })
  login: string;

  @Column('text')
  name: string;
}

/** Which domain the platform's people have addresses in. */
export class PlatformDomain {
  constructor(readonly name: string) {}
}

@Injectable()
export class People {
  constructor(@InjectRepository(Person) private readonly rows: Repository<Person>) {}

  add(login: string, name: string): Promise<Person> {
    return this.rows.save({ login, name });
  }

  byId(id: number): Promise<Person | null> {
    return this.rows.findOneBy({ id });
  }

  byLogin(login: string): Promise<Person | null> {
    return this.rows.findOneBy({ login });
  }
}

/** The platform's people, as the federation asks for them: ids are `person-7`, usernames `login@domain`. */
@Injectable()
export class PlatformAccounts extends AccountDirectory {
  constructor(
    private readonly people: People,
    private readonly domain: PlatformDomain,
  ) {
    super();
  }

  override async find(idOrAddress: string): Promise<Account | undefined> {
    const number = /^person-(\d{1,9})$/.exec(idOrAddress)?.[1];
    const address = FederatedAddress.tryParse(idOrAddress);
    const person = number
      ? await this.people.byId(Number(number))
      : address?.domain === this.domain.name && (await this.people.byLogin(address.user));
    if (!person) return undefined;
    const username = FederatedAddress.parse(`${person.login}@${this.domain.name}`);
    return { id: `person-${person.id}`, username, displayName: person.name };
  }
}

@Module({ imports: [TypeOrmModule.forFeature([Person])], providers: [People], exports: [People] })
export class PeopleModule {}
