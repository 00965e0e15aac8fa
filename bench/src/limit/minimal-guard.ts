import {
  ForbiddenException,
  Injectable,
  UnauthorizedException,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';

export interface RememberedSession {
  userId: string;
  expiresAtMs: number;
  roles?: readonly string[];
}

/** One cookie, cut out of the header. */
export function cookieValue(header: string | undefined, name: string): string | undefined {
  const start = header?.indexOf(`${name}=`) ?? -1;
  if (header === undefined || start === -1) return undefined;
  const end = header.indexOf(';', start);
  return header.slice(start + name.length + 1, end === -1 ? undefined : end);
}

/** Sessions by their token, as a hand-written guard would keep them. */
export const rememberedSessions = new Map<string, RememberedSession>();

/** The least that could be called a guard: one cookie, one map, one comparison. */
@Injectable()
export class MinimalGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context
      .switchToHttp()
      .getRequest<{ headers: { cookie?: string }; session?: RememberedSession }>();
    const token = cookieValue(request.headers.cookie, '__Host-sAccessToken');
    const session = token === undefined ? undefined : rememberedSessions.get(token);
    if (session === undefined || session.expiresAtMs <= Date.now()) {
      throw new UnauthorizedException();
    }
    request.session = session;
    return true;
  }
}

/** The roles that a handler asks for. */
export const Roles = Reflector.createDecorator<string[]>();

/** The guard of Nest's chapter on authorization, behind the one above. @see https://docs.nestjs.com/security/authorization */
@Injectable()
export class RolesGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const required = this.reflector.getAllAndOverride(Roles, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (required === undefined) return true;
    const { session } = context.switchToHttp().getRequest<{ session?: RememberedSession }>();
    if (required.every((role) => session?.roles?.includes(role) === true)) return true;
    throw new ForbiddenException();
  }
}
