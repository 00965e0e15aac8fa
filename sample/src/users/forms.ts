import { BadRequestException } from '@nestjs/common';
import type { Role } from './user.entity.js';

export interface Credentials {
  email: string;
  password: string;
}

export interface SignUp extends Credentials {
  name: string;
}

export interface PasswordChangeForm {
  currentPassword: string;
  newPassword: string;
}

type Field = keyof SignUp | keyof PasswordChangeForm | 'role' | 'reason';

const EMAIL = /^[^\s@\p{Cc}\p{Cs}]+@[^\s@\p{Cc}\p{Cs}]+\.[^\s@\p{Cc}\p{Cs}]+$/u;
const CONTROL_OR_LONE_SURROGATE = /[\p{Cc}\p{Cs}]/u;

/** @throws {BadRequestException} that names the missing field */
export function readCredentials(body: unknown): Credentials {
  return {
    email: readText(body, 'email', 'Please enter your e-mail address.').trim().toLowerCase(),
    password: readPassword(body),
  };
}

/** @throws {BadRequestException} that names the first invalid field, and the reason */
export function readSignUp(body: unknown): SignUp {
  const name = readText(body, 'name', 'Please enter your name.').trim();
  if (name.length > 60) refuse('name', 'A name has at most 60 characters.');
  if (name === '' || CONTROL_OR_LONE_SURROGATE.test(name)) {
    refuse('name', 'Please enter a name of letters that can be shown.');
  }
  const { email, password } = readCredentials(body);
  if (email.length > 254 || !EMAIL.test(email)) {
    refuse('email', 'This does not look like an e-mail address.');
  }
  return { name, email, password: checkNewPassword('password', password) };
}

/** @throws {BadRequestException} naming the first field that will not do, and why */
export function readPasswordChange(body: unknown): PasswordChangeForm {
  const currentPassword = readText(body, 'currentPassword', 'Please enter your current password.');
  const newPassword = readText(body, 'newPassword', 'Please enter a new password.');
  return { currentPassword, newPassword: checkNewPassword('newPassword', newPassword) };
}

/** @throws {BadRequestException} */
export function readPassword(body: unknown): string {
  return readText(body, 'password', 'Please enter your password.');
}

/** @throws {BadRequestException} if it is not a role */
export function readRole(body: unknown): Role {
  const role = readText(body, 'role', 'Please choose a role.');
  return role === 'admin' || role === 'member' ? role : refuse('role', 'There is no such role.');
}

/** @throws {BadRequestException} */
export function readReason(body: unknown): string {
  const reason = readText(body, 'reason', 'Please say why.').trim();
  const isShort = reason !== '' && reason.length <= 200 && !CONTROL_OR_LONE_SURROGATE.test(reason);
  return isShort ? reason : refuse('reason', 'Please say why, in at most 200 characters.');
}

function checkNewPassword(field: Field, password: string): string {
  return password.length < 8 ? refuse(field, 'A password has at least 8 characters.') : password;
}

function readText(body: unknown, field: Field, missing: string): string {
  const value: unknown =
    typeof body === 'object' && body !== null ? Reflect.get(body, field) : undefined;
  if (typeof value !== 'string' || value === '') return refuse(field, missing);
  if (value.length > 1000) return refuse(field, 'That is too long.');
  return value;
}

function refuse(field: Field, message: string): never {
  throw new BadRequestException({ statusCode: 400, message, field });
}
