import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { SessionException } from '../../errors/session.exception.js';
import { areHeadersSent, asHttpResponse, setHeader } from '../context/http-response.js';
import { keepOutOfCaches } from '../transport/no-store.js';

/** The errors by which the application itself refuses a request, such as a throttler's 429. */
class ForeignRefusal extends HttpException {
  static override [Symbol.hasInstance](error: unknown): boolean {
    if (!(error instanceof HttpException) || error instanceof SessionException) return false;
    return error.getStatus() >= 400 && error.getStatus() < 500;
  }
}

/** The common properties of Express' and Fastify's responses, apart from headers. */
interface SendingResponse {
  status(code: number): { send(body: object): unknown };
}

/**
 * Answers the application's own refusals with 503. For any other 4xx, browsers give up the key of a session that stays
 * bound to it, and its user would have to log in again.
 */
@Catch(ForeignRefusal)
export class ForeignRefusalFilter implements ExceptionFilter {
  catch(_refusal: HttpException, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<SendingResponse>();
    const httpResponse = asHttpResponse(response);
    if (areHeadersSent(httpResponse)) return;
    keepOutOfCaches(httpResponse);
    // A throttler may have written its own.
    if (httpResponse.getHeader('retry-after') === undefined) {
      setHeader(httpResponse, 'retry-after', '5');
    }
    response.status(503).send({ statusCode: 503, message: 'Service Unavailable' });
  }
}
