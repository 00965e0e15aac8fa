import { Controller, Post } from '@nestjs/common';
import { DataSource } from 'typeorm';

@Controller('migrations')
export class MigrationsController {
  constructor(private readonly dataSource: DataSource) {}

  @Post('run')
  async run(): Promise<{ hasTable: boolean }> {
    await this.dataSource.runMigrations();
    return this.state();
  }

  @Post('undo')
  async undo(): Promise<{ hasTable: boolean }> {
    await this.dataSource.undoLastMigration();
    return this.state();
  }

  private async state(): Promise<{ hasTable: boolean }> {
    const runner = this.dataSource.createQueryRunner();
    try {
      return { hasTable: await runner.hasTable('auth_session') };
    } finally {
      await runner.release();
    }
  }
}
