import { Module } from '@nestjs/common';
import { UsersModule } from '../users/users.module.js';
import { AdminController } from './admin.controller.js';
import { RolesClaim } from './roles.claim.js';

/** The pages that a role opens. */
@Module({
  imports: [UsersModule],
  controllers: [AdminController],
  providers: [RolesClaim],
})
export class AdminModule {}
