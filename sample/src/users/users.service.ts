import { ConflictException, Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomUUID } from 'node:crypto';
import { Repository } from 'typeorm';
import type { Credentials, SignUp } from './forms.js';
import { hashPassword, isPassword } from './password.js';
import { User, type Account, type Plan, type Role } from './user.entity.js';

@Injectable()
export class UsersService {
  constructor(@InjectRepository(User) private readonly users: Repository<User>) {}

  /** The user with these credentials, or `null`. */
  check({ email, password }: Credentials): Promise<Account | null> {
    return this.checkOne({ email }, password);
  }

  /** The user with this id, if the password is theirs. */
  checkById(id: string, password: string): Promise<Account | null> {
    return this.checkOne({ id }, password);
  }

  /** @throws {ConflictException} if the e-mail address already has an account */
  async create(
    { name, email, password }: SignUp,
    plan: Plan = 'free',
    role: Role = 'member',
  ): Promise<Account> {
    const passwordHash = await hashPassword(password);
    const user = { id: randomUUID(), email, name, plan, role, passwordHash };
    try {
      await this.users.insert(user);
    } catch (error) {
      if (await this.users.existsBy({ email })) {
        throw new ConflictException(
          { statusCode: 409, message: 'There is an account with this address.', field: 'email' },
          { cause: error },
        );
      }
      throw error;
    }
    return toAccount(user);
  }

  findByEmail(email: string): Promise<Account | null> {
    return this.findOne({ email });
  }

  findById(id: string): Promise<Account | null> {
    return this.findOne({ id });
  }

  async list(): Promise<Account[]> {
    return (await this.users.find({ order: { name: 'ASC' } })).map(toAccount);
  }

  /** @returns whether there is such a user */
  async changeRole(id: string, role: Role): Promise<boolean> {
    return (await this.users.update(id, { role })).affected === 1;
  }

  private async findOne(by: { id: string } | { email: string }): Promise<Account | null> {
    const user = await this.users.findOneBy(by);
    return user === null ? null : toAccount(user);
  }

  private async checkOne(
    by: { id: string } | { email: string },
    password: string,
  ): Promise<Account | null> {
    const user = await this.users.findOneBy(by);
    const isRight = await isPassword(password, user?.passwordHash);
    return isRight && user !== null ? toAccount(user) : null;
  }
}

function toAccount({ id, email, name, plan, role }: User): Account {
  return { id, email, name, plan, role };
}
