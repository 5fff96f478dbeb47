import { Body, Controller, Get, Injectable, Module, Param, Post } from '@nestjs/common';
import { ApiCreatedResponse } from '@nestjs/swagger';
import { InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import { Type } from 'class-transformer';
import { IsInt, IsString } from 'class-validator';
import { Column, Entity, PrimaryGeneratedColumn, Repository } from 'typeorm';
import { type Account, DescribeOutgoing, OfferShare, ResourceProvider } from '../../src/index.js';

@Entity({ name: 'folder' })
export class Folder {
  @PrimaryGeneratedColumn('uuid')
  id: string;

  @Column('int')
  owner: number;

  @Column('text')
  title: string;
}

/** What the platform stores; nothing in it knows of other clouds. */
@Injectable()
export class Folders {
  constructor(@InjectRepository(Folder) private readonly rows: Repository<Folder>) {}

  add(owner: number, title: string): Promise<Folder> {
    return this.rows.save({ owner, title });
  }

  find(id: string): Promise<Folder | null> {
    return this.rows.findOneBy({ id });
  }
}

@Injectable()
export class PlatformResources extends ResourceProvider {
  constructor(private readonly folders: Folders) {
    super();
  }

  override async mayShare(owner: Account, resourceId: string): Promise<boolean> {
    const folder = /^[0-9a-f-]{36}$/.test(resourceId) ? await this.folders.find(resourceId) : null;
    return folder !== null && `person-${folder.owner}` === owner.id;
  }
}

@Module({ imports: [TypeOrmModule.forFeature([Folder])], providers: [Folders], exports: [Folders] })
export class FoldersModule {}

/** Read by the platform's own ValidationPipe: `owner` may be digits, and what is not declared is refused. */
export class NewFolder {
  @Type(() => Number)
  @IsInt()
  owner: number;

  @IsString()
  title: string;
}

export class ShareFolder {
  @IsString()
  with: string;
}

/** The same name as a class of the federation tier's documents, and something else. */
class ErrorBodyDto {
  platform: boolean;
}

/** A feature of the platform that shares in process. */
@Controller('folders')
export class FoldersController {
  constructor(
    private readonly folders: Folders,
    private readonly offerShare: OfferShare,
    private readonly outgoing: DescribeOutgoing,
  ) {}

  @Post()
  @ApiCreatedResponse({ type: ErrorBodyDto })
  async create(@Body() body: NewFolder): Promise<object> {
    const { id, owner, title } = await this.folders.add(body.owner, body.title);
    return { id, owner, title, wasRead: body instanceof NewFolder };
  }

  @Post(':id/share')
  async share(@Param('id') id: string, @Body() body: ShareFolder): Promise<object> {
    const folder = await this.folders.find(id);
    const share = await this.offerShare.execute({
      owner: `person-${folder?.owner}`,
      shareWith: body.with,
      name: folder?.title ?? '',
      resourceId: id,
      permission: 'read',
    });
    return { share: share.id, state: share.state };
  }

  @Get('shared/:id')
  shared(@Param('id') id: string): Promise<object> {
    return this.outgoing.byId(id);
  }
}
