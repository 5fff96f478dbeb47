import { Controller, Get, Module, Post, type Type } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AccessModule } from '../../src/access/access.module.js';
import { Audience, ForAnyone, ForHost } from '../../src/access/audience.js';
import { declaredAudiencesOf } from '../../src/access/declared-audiences.js';
import { auditedCloud } from '../audit/audited-cloud.js';
import { type FreshDatabase, freshDatabase } from '../support/database.js';

@Controller('declared')
@ForHost()
class Declared {
  @Get()
  read(): string {
    return 'for hosts';
  }

  @Get('open')
  @ForAnyone()
  open(): string {
    return 'for anyone';
  }
}

@Controller('half')
class Half {
  @Get()
  @ForHost()
  read(): string {
    return 'for hosts';
  }

  @Post()
  forgotten(): string {
    return 'for whoever comes';
  }
}

@Controller('unguarded')
@Audience('operator')
class Unguarded {
  @Get()
  read(): string {
    return 'for operators, it says';
  }
}

describe('an application with routes of ours', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.drop());

  async function start(controller: Type, isOurs = true): Promise<void> {
    @Module({ controllers: [controller] })
    class Routes {}
    @Module({ imports: [AccessModule, Routes], providers: [declaredAudiencesOf(isOurs ? [Routes] : [])] })
    class House {}
    const app = await auditedCloud(database.url, [House]);
    try {
      await app.init();
    } finally {
      await app.close();
    }
  }

  it('starts if each says whom it answers', async () => {
    await expect(start(Declared)).resolves.toBeUndefined();
  });

  it.each<[string, Type, RegExp]>([
    ['one does not', Half, /: Half\.forgotten$/],
    ['one says so, but has no guard', Unguarded, /: Unguarded\.read$/],
  ])('does not start if %s', async (_, controller, message) => {
    await expect(start(controller)).rejects.toThrow(message);
  });

  it('leaves routes alone that are not ours', async () => {
    await expect(start(Half, false)).resolves.toBeUndefined();
  });
});
