import { SubscribeMessage } from '@nestjs/websockets';
import { CurrentSession, type SessionContainer } from '../../lib/index.js';

/** A gateway that answers whoever has a session. */
export class Answers {
  @SubscribeMessage('who')
  who(@CurrentSession() session: SessionContainer): object {
    return { event: 'you', data: session.getUserId() };
  }
}

/** A gateway that answers everybody. */
export class Pongs {
  @SubscribeMessage('ping')
  ping(): object {
    return { event: 'pong', data: 'open' };
  }
}
