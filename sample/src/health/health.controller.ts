import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { SessionHealth, type SessionHealthReport } from 'nestjs-auth-sessions';

/** For the system that starts and stops instances: 503 while the database does not answer. */
@Controller('health')
export class HealthController {
  constructor(private readonly sessions: SessionHealth) {}

  @Get()
  async check(): Promise<Pick<SessionHealthReport, 'status'>> {
    const { status } = await this.sessions.check();
    if (status === 'down') throw new ServiceUnavailableException({ status });
    return { status };
  }
}
