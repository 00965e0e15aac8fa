import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { SignUp } from './forms.js';
import type { Plan, Role } from './user.entity.js';
import { UsersService } from './users.service.js';

/** The page shows these users with their passwords. */
export const DEMO_USERS: readonly (SignUp & { plan: Plan; role?: Role })[] = [
  {
    name: 'Ada Lovelace',
    email: 'ada@example.com',
    password: 'analytical-engine',
    plan: 'team',
    role: 'admin',
  },
  { name: 'Grace Hopper', email: 'grace@example.com', password: 'nanoseconds', plan: 'team' },
  { name: 'Alan Turing', email: 'alan@example.com', password: 'universal-machine', plan: 'free' },
];

/** Puts the demo users into an empty table. */
@Injectable()
export class DemoUsers implements OnApplicationBootstrap {
  constructor(private readonly users: UsersService) {}

  async onApplicationBootstrap(): Promise<void> {
    for (const { plan, role, ...form } of DEMO_USERS) {
      const isThere = (await this.users.findByEmail(form.email)) !== null;
      if (!isThere) await this.users.create(form, plan, role);
    }
  }
}
