import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import {
  Body,
  Controller,
  Inject,
  Injectable,
  Module,
  Post,
  Req,
  UnauthorizedException,
  UseGuards,
  ValidationPipe,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { getRepositoryToken, TypeOrmModule } from '@nestjs/typeorm';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsObject,
  IsOptional,
  IsString,
  MaxLength,
  ValidateNested,
} from 'class-validator';
import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn } from 'typeorm';

/**
 * (b) What a team would write first: Nest on Express, a DTO behind the ValidationPipe, a guard that reads the client
 * certificate, `repository.save`. No account is looked up, nothing is sealed, audited or told.
 */
const { port, databaseUrl, certificate, privateKey, clients } = JSON.parse(readFileSync(process.argv[2], 'utf8'));

/** `@decorate(…)` of a property, method or class, as the compiler would write it. */
const property = (type, name, runtimeType, ...decorators) => {
  Reflect.defineMetadata('design:type', runtimeType, type.prototype, name);
  for (const decorator of decorators.toReversed()) decorator(type.prototype, name);
};

class ProtocolDto {}
property(ProtocolDto, 'name', String, IsString(), MaxLength(255));
property(ProtocolDto, 'options', Object, IsObject());

class ShareDto {}
for (const name of ['shareId', 'providerId', 'owner', 'shareWith', 'name']) {
  property(ShareDto, name, String, IsString(), MaxLength(255));
}
property(ShareDto, 'description', String, IsOptional(), IsString(), MaxLength(2048));
property(ShareDto, 'permission', String, IsIn(['read', 'read_write', 'admin']));
const listed = [IsArray(), ArrayMaxSize(8), ValidateNested({ each: true }), Type(() => ProtocolDto)];
property(ShareDto, 'protocol', Array, ...listed);

class Share {}
property(Share, 'id', String, PrimaryGeneratedColumn('uuid'));
property(Share, 'peer', String, Column('text'));
property(Share, 'shareId', String, Column('text', { unique: true }));
for (const name of ['providerId', 'owner', 'shareWith', 'name', 'permission'])
  property(Share, name, String, Column('text'));
property(Share, 'description', String, Column('text', { nullable: true }));
property(Share, 'protocol', Object, Column('jsonb'));
property(Share, 'createdAt', Date, CreateDateColumn());
Entity({ name: 'nest_share' })(Share);

class ClientCertificate {
  canActivate(context) {
    const request = context.switchToHttp().getRequest();
    if (!request.socket.authorized) throw new UnauthorizedException();
    request.peer = request.socket.getPeerCertificate().fingerprint256;
    return true;
  }
}
Injectable()(ClientCertificate);

class SharesController {
  constructor(shares) {
    this.shares = shares;
  }

  create(request, share) {
    return this.shares.save({ ...share, peer: request.peer });
  }
}
decorateController();

function decorateController() {
  const { prototype } = SharesController;
  Reflect.defineMetadata('design:paramtypes', [Object, ShareDto], prototype, 'create');
  Req()(prototype, 'create', 0);
  Body()(prototype, 'create', 1);
  UseGuards(ClientCertificate)(prototype, 'create', Object.getOwnPropertyDescriptor(prototype, 'create'));
  Post()(prototype, 'create', Object.getOwnPropertyDescriptor(prototype, 'create'));
  Inject(getRepositoryToken(Share))(SharesController, undefined, 0);
  Controller('shares')(SharesController);
}

class Application {}
Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: databaseUrl, entities: [Share], synchronize: true, poolSize: 10 }),
    TypeOrmModule.forFeature([Share]),
  ],
  controllers: [SharesController],
})(Application);

const httpsOptions = { cert: certificate, key: privateKey, ca: clients, requestCert: true, rejectUnauthorized: true };
const app = await NestFactory.create(Application, new ExpressAdapter(), { httpsOptions });
app.useGlobalPipes(new ValidationPipe({ whitelist: true, transform: true }));
app.enableShutdownHooks();
app.getHttpServer().keepAliveTimeout = 30_000;
await app.listen(port, '127.0.0.1');
