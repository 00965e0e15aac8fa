import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { SessionEventBus } from 'nestjs-auth-sessions';
import { UsersService } from '../users/users.service.js';

/** Reports a detected theft of a refresh token. A real application sends the user a mail. */
@Injectable()
export class TheftAlarm implements OnApplicationBootstrap {
  private readonly logger = new Logger(TheftAlarm.name);

  constructor(
    private readonly events: SessionEventBus,
    private readonly users: UsersService,
  ) {}

  onApplicationBootstrap(): void {
    this.events.on('theftDetected', async ({ sessionHandle, userId }) => {
      const name = (await this.users.findById(userId))?.name ?? 'somebody';
      this.logger.warn(
        `Token theft detected: session ${sessionHandle} of ${name} has been ended on every device.`,
      );
    });
  }
}
