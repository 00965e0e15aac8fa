import {
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { tap, type Observable } from 'rxjs';
import { describeCookie } from './cookie-description.js';

/**
 * DEMO ONLY: tells the page, in the header `demo-cookies`, the names and attributes of a response's cookies. They are
 * HttpOnly, so the page itself can't see them. This header never contains their values.
 */
@Injectable()
export class CookieReportInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    const response = context.switchToHttp().getResponse<ServerResponse>();
    return next.handle().pipe(
      tap(() => {
        const lines = [response.getHeader('set-cookie') ?? []].flat().map(String);
        if (lines.length === 0) return;
        response.setHeader('demo-cookies', JSON.stringify(lines.map(describeCookie)));
      }),
    );
  }
}
