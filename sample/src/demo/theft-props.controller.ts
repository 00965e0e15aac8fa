import { Controller, Get, HttpCode, NotFoundException, Post, Req } from '@nestjs/common';
import { parseCookie } from 'cookie';
import { VerifySession } from 'nestjs-auth-sessions';
import type { IncomingMessage } from 'node:http';
import { settings } from '../settings.js';

/** DEMO ONLY: what the page needs to play a theft. */
@Controller('demo/theft')
export class TheftPropsController {
  /** How long the walk has to wait. */
  @Get('timing')
  timing(): { gracePeriodMs: number } {
    return { gracePeriodMs: settings.gracePeriodSeconds * 1000 };
  }

  /**
   * Hands a page its own refresh token, which the cookie keeps from every script. A real application has no such route:
   * with it, a script that gets into the page would take the session away with it.
   */
  @Post('refresh-token')
  @HttpCode(200)
  @VerifySession()
  copy(@Req() request: IncomingMessage): { refreshToken: string } {
    const cookies = Object.entries(parseCookie(request.headers.cookie ?? ''));
    // Behind TLS its name begins with `__Host-`.
    const refreshToken = cookies.find(([name]) => name.endsWith('sRefreshToken'))?.[1];
    if (refreshToken === undefined) throw new NotFoundException('No refresh token in a cookie.');
    return { refreshToken };
  }
}
