import { Controller, Sse, type MessageEvent } from '@nestjs/common';
import { VerifySession } from 'nestjs-auth-sessions';
import { interval, map, startWith, type Observable } from 'rxjs';

const TICK_MS = 1_000;

@Controller('account')
@VerifySession()
export class LiveController {
  /** Sends the time as long as the session lives. The stream ends with the session, without any code here. */
  @Sse('live')
  live(): Observable<MessageEvent> {
    return interval(TICK_MS).pipe(
      startWith(0),
      map(() => ({ data: new Date().toISOString() })),
    );
  }
}
