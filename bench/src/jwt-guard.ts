import {
  Injectable,
  UnauthorizedException,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';

interface JwtRequest {
  headers: { authorization?: string };
  user?: unknown;
}

/** The guard of Nest's chapter on authentication. @see https://docs.nestjs.com/security/authentication */
@Injectable()
export class JwtGuard implements CanActivate {
  constructor(private readonly jwtService: JwtService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<JwtRequest>();
    const token = this.extractTokenFromHeader(request);
    if (token === undefined) throw new UnauthorizedException();
    try {
      request.user = await this.jwtService.verifyAsync<object>(token);
    } catch {
      throw new UnauthorizedException();
    }
    return true;
  }

  private extractTokenFromHeader(request: JwtRequest): string | undefined {
    const [type, token] = request.headers.authorization?.split(' ') ?? [];
    return type === 'Bearer' ? token : undefined;
  }
}
