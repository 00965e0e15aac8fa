import { Controller, Get, HttpCode, Post, Req } from '@nestjs/common';
import { CurrentSession, VerifySession, type SessionContainer } from 'nestjs-auth-sessions';
import { FakeBrowser } from 'nestjs-auth-sessions/testing';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** One party's view of one act. */
interface Seen {
  readonly who: 'here' | 'there';
  readonly text: string;
  readonly status?: number;
  readonly message?: string;
  readonly name?: string;
}

const ACCESS_COOKIE = '__Host-sAccessToken';

/**
 * DEMO ONLY: plays the theft of a session that is bound to its device. Browsers bind nothing on `http://localhost`, so
 * both parties are browsers of the testing kit, which call this server by another name.
 */
@Controller('demo')
export class BoundTheftController {
  /** The page's information about the visitor's own browser. */
  @Get('binding')
  @VerifySession()
  binding(
    @Req() request: IncomingMessage,
    @CurrentSession() session: SessionContainer,
  ): { isBound: boolean; isSecure: boolean } {
    return { isBound: session.isBound(), isSecure: isEncrypted(request.socket) };
  }

  @Post('theft/bound')
  @HttpCode(200)
  async play(@Req() request: IncomingMessage): Promise<{ acts: readonly Seen[] }> {
    if (isEncrypted(request.socket)) {
      return {
        acts: [{ who: 'here', text: 'Over https your own browser can play it: log in there.' }],
      };
    }
    const url = `http://127.0.0.1:${request.socket.localPort}`;
    const owner = new FakeBrowser({ url, origin: 'https://sample.example.com' });
    const login = await owner.send('POST', '/sso');
    const thief = owner.stolenCookies();
    const acts: Seen[] = [
      {
        who: 'here',
        text: 'Logs in, and makes a key that it gives to nobody',
        status: login.status,
      },
      { who: 'there', text: 'Copies every cookie' },
      await this.profile('there', 'Calls the API, before the access token ends', thief),
    ];
    // The state after ten minutes.
    for (const each of [owner, thief]) each.deleteCookie(ACCESS_COOKIE);
    const refused = await thief.send('POST', '/auth/session/refresh');
    acts.push(
      { who: 'there', text: 'Ten minutes later: asks for a new token', ...told(refused) },
      await this.profile('there', 'Calls the API', thief),
      await this.profile('here', 'Calls the API; its browser proves the key first', owner),
    );
    await owner.send('POST', '/auth/signout');
    return { acts };
  }

  private async profile(who: Seen['who'], text: string, browser: FakeBrowser): Promise<Seen> {
    return { who, text, ...told(await browser.send('GET', '/profile')) };
  }
}

function told({ status, text }: { status: number; text: string }): Omit<Seen, 'who' | 'text'> {
  const { message, name } = JSON.parse(text) as { message?: string; name?: string };
  return {
    status,
    ...(message === undefined ? {} : { message }),
    ...(name === undefined ? {} : { name }),
  };
}

function isEncrypted(socket: Socket | TLSSocket): boolean {
  return 'encrypted' in socket;
}
