import { All, Controller } from '@nestjs/common';
import { CurrentSession, VerifySession, type SessionContainer } from '../../../lib/index.js';

const LONGEST_WAIT_MS = 10_000;

/** A request that a handler works for until it is let go. */
export interface Visit {
  /** @throws where none comes */
  readonly begun: Promise<void>;
  end(): void;
}

/** A handler that takes its time, so that a client can go away meanwhile. */
@Controller()
export class SlowController {
  private begin: () => void = () => undefined;
  private ended: Promise<void> = Promise.resolve();

  @All('slow')
  @VerifySession()
  async work(@CurrentSession() session: SessionContainer): Promise<object> {
    this.begin();
    await this.ended;
    return { userId: session.getUserId() };
  }

  /** To be called before the request is sent. */
  expectVisit(): Visit {
    let end = (): void => undefined;
    this.ended = new Promise((resolve) => {
      end = resolve;
    });
    const begun = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error('a good request has not come to its handler'));
      }, LONGEST_WAIT_MS);
      this.begin = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return { begun, end };
  }
}
