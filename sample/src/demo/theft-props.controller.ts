import { Controller, Get, HttpCode, NotFoundException, Post, Req } from '@nestjs/common';
import { parseCookie } from 'cookie';
import { VerifySession } from 'nestjs-auth-sessions';
import type { IncomingMessage } from 'node:http';
import { settings } from '../settings.js';

/** DEMO ONLY: the props with which the page plays a theft. */
@Controller('demo/theft')
export class TheftPropsController {
  /** The waiting times of the play. */
  @Get('timing')
  timing(): { gracePeriodMs: number } {
    return { gracePeriodMs: settings.gracePeriodSeconds * 1000 };
  }

  /**
   * Gives a page its own refresh token, which the cookie hides from every script. A real application has no such route,
   * because a script injected into the page could steal the session with it.
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
