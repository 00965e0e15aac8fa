import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { areHeadersSent, asHttpResponse, setHeader } from '../context/http-response.js';
import { keepOutOfCaches } from '../transport/no-store.js';

/**
 * The errors by which the application refuses a request, such as a throttler's 429. Session errors are among them, because
 * the route answers its own refusals without throwing.
 */
class ForeignRefusal extends HttpException {
  static override [Symbol.hasInstance](error: unknown): boolean {
    return error instanceof HttpException && error.getStatus() >= 400 && error.getStatus() < 500;
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
