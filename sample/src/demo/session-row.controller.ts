import { Controller, Get, NotFoundException } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import {
  CurrentSession,
  Session,
  VerifySession,
  type SessionContainer,
} from 'nestjs-auth-sessions';
import { Repository } from 'typeorm';

/** DEMO ONLY: shows the database row of one's own session, without the hash of its refresh token. */
@Controller('demo/session-row')
@VerifySession()
export class SessionRowController {
  constructor(@InjectRepository(Session) private readonly rows: Repository<Session>) {}

  @Get()
  async show(@CurrentSession() session: SessionContainer): Promise<object> {
    const row = await this.rows.findOneBy({ handle: session.getHandle() });
    if (row === null) throw new NotFoundException('This session has just ended.');
    const {
      parentRefreshTokenHash: _,
      deviceKey,
      accessTokenPayload,
      sessionData,
      ...columns
    } = row;
    return {
      ...columns,
      deviceKey: deviceKey === null ? null : 'a public key',
      accessTokenPayload: JSON.parse(accessTokenPayload) as unknown,
      sessionData: JSON.parse(sessionData) as unknown,
    };
  }
}
