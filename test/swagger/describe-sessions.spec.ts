import {
  Controller,
  Delete,
  Get,
  HttpCode,
  Module,
  Param,
  Post,
  Req,
  Res,
  Version,
  VersioningType,
  type INestApplication,
} from '@nestjs/common';
import { APP_GUARD, RouterModule } from '@nestjs/core';
import {
  ApiBearerAuth,
  ApiSecurity,
  ApiUnauthorizedResponse,
  DocumentBuilder,
  SwaggerModule,
  type OpenAPIObject,
} from '@nestjs/swagger';
import { validate } from '@readme/openapi-parser';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CreateSession,
  ForbidImpersonation,
  PublicAccess,
  RequireFresh,
  SessionGuard,
  SessionModule,
  SessionService,
  VerifySession,
  type SessionModuleExtras,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { describeSessions, type DescribeSessionsOptions } from '../../lib/swagger/index.js';
import type { SessionVerifierOptions } from '../../lib/verifier/index.js';
import { bootApp, platforms, type BootedApp, type BootOptions } from '../support/boot-app.js';
import { bootVerifier, ISSUER } from '../support/verifier-app.js';

@Controller('shop')
class ShopController {
  @Post('login')
  @HttpCode(200)
  @CreateSession()
  login(): string {
    return 'u1';
  }

  @Get('open')
  open(): string {
    return 'open';
  }

  @Get('orders/:id')
  @VerifySession()
  order(@Param('id') id: string): { id: string } {
    return { id };
  }

  @Get('greeting')
  @VerifySession({ sessionRequired: false })
  greeting(): string {
    return 'hello';
  }

  @Delete('orders/:id')
  @VerifySession({ roles: ['secret-role'], permissions: ['secret-permission'] })
  cancel(@Param('id') id: string): { id: string } {
    return { id };
  }

  @Get('drafts')
  @VerifySession({ roles: { any: ['secret-writer', 'secret-editor'] } })
  drafts(): string {
    return 'drafts';
  }

  @Get('own-refusal')
  @ForbidImpersonation()
  ownRefusal(): string {
    return 'mine';
  }

  @Post('form-login')
  @CreateSession({ refusal: 422 })
  formLogin(): string {
    return 'u1';
  }

  @Post('export')
  @RequireFresh('10m')
  export(): string {
    return 'all';
  }

  @Get('partner')
  @VerifySession()
  @ApiSecurity('partner-key')
  partner(): string {
    return 'partner';
  }

  @Get('by-hand')
  @VerifySession()
  @ApiBearerAuth('by-hand')
  @ApiUnauthorizedResponse({ description: 'Who are you?' })
  byHand(): string {
    return 'by hand';
  }
}

@Controller('inner')
class InnerController {
  @Get()
  inner(): string {
    return 'inner';
  }

  @Get('open')
  @PublicAccess()
  open(): string {
    return 'open';
  }
}

@Module({ controllers: [InnerController] })
class InnerModule {}

const guardOfAll = { provide: APP_GUARD, useExisting: SessionGuard };

const OWN_SCHEMES = {
  'partner-key': { type: 'apiKey', in: 'header', name: 'x-partner' },
  'by-hand': { type: 'http', scheme: 'bearer' },
} as const;

const BOTH = [{ sessionCookie: [] }, { sessionBearer: [] }];

interface Described {
  openapi?: string;
  prepare?: (app: INestApplication) => void;
  describe?: DescribeSessionsOptions;
  sessions?: SessionModuleOptions & SessionModuleExtras;
  boot?: BootOptions;
  document?: (document: OpenAPIObject) => OpenAPIObject;
}

interface Operation {
  operationId: string;
  tags: string[];
  security?: object[];
  parameters: { name: string; in: string }[];
  responses: Record<string, { description: string; headers?: object; content?: object }>;
}

let booted: BootedApp | undefined;
afterEach(async () => {
  await booted?.close();
  booted = undefined;
});

/** The document of an application, made where applications make it: before it listens. */
async function documented(given: Described = {}): Promise<OpenAPIObject> {
  let made: OpenAPIObject | undefined;
  booted = await bootApp({
    controllers: [ShopController],
    sessions: given.sessions ?? {},
    ...given.boot,
    prepare: (app) => {
      given.prepare?.(app);
      const config = new DocumentBuilder().setTitle('Shop').setVersion('1');
      for (const [name, scheme] of Object.entries(OWN_SCHEMES)) config.addSecurity(name, scheme);
      if (given.openapi !== undefined) config.setOpenAPIVersion(given.openapi);
      const document = SwaggerModule.createDocument(app, config.build());
      const changed = given.document?.(document) ?? document;
      made = describeSessions(changed, app, given.describe);
    },
  });
  if (made === undefined) throw new Error('no document was made');
  return made;
}

function operationAt(document: OpenAPIObject, method: string, path: string): Operation {
  const item = document.paths[path] as unknown as Record<string, Operation> | undefined;
  const found = item?.[method];
  if (found === undefined) throw new Error(`no ${method} ${path}`);
  return found;
}

async function problemsOf(document: OpenAPIObject): Promise<unknown> {
  const result = await validate(structuredClone(document) as never);
  return result.valid ? [] : result.errors;
}

describe.each(platforms)('describeSessions on %s', (platform) => {
  it.each(['3.0.0', '3.1.0'])('makes a valid document of OpenAPI %s', async (openapi) => {
    const document = await documented({
      openapi,
      boot: { platform },
      sessions: { issuer: 'https://shop.example/auth', rateLimit: {} },
    });
    expect(await problemsOf(document)).toEqual([]);
    expect(JSON.stringify(document).includes('"nullable"')).toBe(openapi === '3.0.0');
  });
});

describe('describeSessions', () => {
  it('says which operations need a session, by their own decorators alone', async () => {
    const document = await documented();
    const securityOf = (method: string, path: string) =>
      operationAt(document, method, path).security;
    expect(securityOf('get', '/shop/orders/{id}')).toEqual(BOTH);
    expect(securityOf('post', '/shop/export')).toEqual(BOTH);
    expect(securityOf('get', '/shop/greeting')).toEqual([...BOTH, {}]);
    expect(securityOf('get', '/shop/open')).toBeUndefined();
    expect(securityOf('post', '/shop/login')).toBeUndefined();
  });

  it('says it of an application whose guard is global, where logins and open handlers stay open', async () => {
    const document = await documented({
      boot: { providers: [guardOfAll], imports: [InnerModule] },
    });
    expect(operationAt(document, 'get', '/shop/open').security).toEqual(BOTH);
    expect(operationAt(document, 'get', '/inner').security).toEqual(BOTH);
    expect(operationAt(document, 'get', '/inner/open').security).toBeUndefined();
    expect(operationAt(document, 'post', '/shop/login').security).toBeUndefined();
  });

  it('says how requests are refused', async () => {
    const { responses } = operationAt(await documented(), 'delete', '/shop/orders/{id}');
    const reference = (name: string) => ({
      'application/json': { schema: { $ref: `#/components/schemas/${name}` } },
    });
    expect(Object.keys(responses)).toEqual(['200', '401', '403', '503']);
    expect(responses['401']?.content).toEqual(reference('SessionError'));
    expect(responses['403']?.content).toEqual(reference('InvalidClaims'));
    expect(responses['503']?.headers).toHaveProperty('Retry-After');
  });

  it('speaks of claims where a route, or the whole application, asks for some', async () => {
    const asking = (document: OpenAPIObject, path: string) =>
      '403' in operationAt(document, 'get', path).responses;
    const plain = await documented();
    expect(asking(plain, '/shop/orders/{id}')).toBe(false);
    expect(asking(plain, '/shop/own-refusal')).toBe(true);
    await booted?.close();
    const validator = { id: 'v', shouldRefetch: () => false, validate: () => ({ isValid: true }) };
    const strict = await documented({ sessions: { globalClaimValidators: [validator] } });
    expect(asking(strict, '/shop/orders/{id}')).toBe(true);
  });

  it('names no role and no permission', async () => {
    const text = JSON.stringify(await documented());
    expect(text).not.toContain('secret-role');
    expect(text).not.toContain('secret-permission');
  });

  it('names them where it is asked for', async () => {
    const document = await documented({ describe: { names: true } });
    expect(operationAt(document, 'delete', '/shop/orders/{id}').responses['403']?.description).toBe(
      'The claims of the session do not satisfy this route. Roles: secret-role. Permissions: secret-permission.',
    );
    expect(operationAt(document, 'get', '/shop/drafts').responses['403']?.description).toContain(
      'Roles, one of: secret-writer, secret-editor.',
    );
  });

  it('says what a login sets, and how it is refused', async () => {
    const document = await documented({ sessions: { rateLimit: {} } });
    const login = operationAt(document, 'post', '/shop/login');
    expect(Object.keys(login.responses)).toEqual(['200', '401', '403', '429', '503']);
    expect(Object.keys(login.responses['200']?.headers ?? {})).toEqual([
      'Set-Cookie',
      'st-access-token',
      'st-refresh-token',
      'front-token',
    ]);
    const formLogin = operationAt(document, 'post', '/shop/form-login');
    expect(Object.keys(formLogin.responses)).toEqual(['201', '403', '422', '429', '503']);
    expect(login.parameters).toContainEqual(
      expect.objectContaining({ name: 'st-auth-mode', in: 'header', required: false }),
    );
  });

  it('keeps what the application says: a response of its own, its 200, another scheme', async () => {
    const document = await documented();
    const byHand = operationAt(document, 'get', '/shop/by-hand');
    expect(byHand.responses['401']).toMatchObject({ description: 'Who are you?' });
    expect(byHand.responses).toHaveProperty('200');
    expect(byHand.security).toEqual([{ 'by-hand': [] }, ...BOTH]);
    expect(operationAt(document, 'get', '/shop/partner').security).toEqual([
      { 'partner-key': [], sessionCookie: [] },
      { 'partner-key': [], sessionBearer: [] },
    ]);
  });

  it('asks for what the whole document asks for beside the session', async () => {
    const document = await documented({
      document: (made) => ({ ...made, security: [{ 'partner-key': [] }] }),
    });
    expect(operationAt(document, 'get', '/shop/orders/{id}').security).toEqual([
      { 'partner-key': [], sessionCookie: [] },
      { 'partner-key': [], sessionBearer: [] },
    ]);
  });

  it('leaves the document that it is given as it was, and comes to the same a second time', async () => {
    let before = '';
    let after = '';
    const once = await documented({
      document: (made) => {
        before = JSON.stringify(made);
        queueMicrotask(() => (after = JSON.stringify(made)));
        return made;
      },
    });
    expect(after).toBe(before);
    const app = booted?.app as INestApplication;
    expect(describeSessions(once, app)).toEqual(once);
  });

  it('has the statuses and the transfer method of the options', async () => {
    const document = await documented({
      sessions: {
        sessionExpiredStatusCode: 440,
        invalidClaimStatusCode: 460,
        tokenTransferMethod: 'header',
      },
    });
    const { responses, security } = operationAt(document, 'delete', '/shop/orders/{id}');
    expect(Object.keys(responses)).toEqual(['200', '440', '460', '503']);
    expect(security).toEqual([{ sessionBearer: [] }]);
    expect(document.components?.securitySchemes).not.toHaveProperty('sessionCookie');
  });

  it('names the cookie as browsers have it behind https, whatever its options are', async () => {
    const nameOf = async (sessions: SessionModuleOptions): Promise<unknown> => {
      const document = await documented({ sessions });
      await booted?.close();
      booted = undefined;
      return document.components?.securitySchemes?.['sessionCookie'];
    };
    expect(await nameOf({})).toMatchObject({ in: 'cookie', name: '__Host-sAccessToken' });
    expect(
      await nameOf({ cookie: { domain: 'example.com', names: { accessToken: 'at' } } }),
    ).toMatchObject({ name: '__Secure-at' });
    expect(await nameOf({ cookie: { secure: false } })).toMatchObject({ name: 'sAccessToken' });
  });

  it.each([
    ['VIA_CUSTOM_HEADER', 'rid'],
    ['VIA_TOKEN', 'anti-csrf'],
  ] as const)('asks for the header of %s where something is changed', async (antiCsrf, header) => {
    const document = await documented({ sessions: { antiCsrf } });
    const headersOf = (method: string, path: string) =>
      operationAt(document, method, path)
        .parameters.filter((each) => each.in === 'header')
        .map(({ name }) => name);
    expect(headersOf('post', '/shop/export')).toEqual([header]);
    expect(headersOf('get', '/shop/orders/{id}')).toEqual([]);
    expect(headersOf('post', '/auth/session/refresh')).toContain(header);
  });

  it('describes the routes that come along, under one tag', async () => {
    const document = await documented({ sessions: { issuer: 'https://shop.example/auth' } });
    const own = Object.entries(document.paths).filter(([path]) => path.startsWith('/auth/'));
    const operations = own.flatMap(([, item]) => Object.values(item) as Operation[]);
    expect(operations).toHaveLength(7);
    for (const { tags, responses } of operations) {
      expect(tags).toEqual(['Sessions']);
      expect(responses['200']?.content).toBeDefined();
    }
    expect(operationAt(document, 'post', '/auth/session/refresh').security).toEqual([
      { sessionRefreshCookie: [] },
      { sessionRefreshBearer: [] },
    ]);
    expect(operationAt(document, 'get', '/auth/sessions').security).toEqual(BOTH);
    expect(operationAt(document, 'post', '/auth/signout').security).toEqual([...BOTH, {}]);
    expect(operationAt(document, 'get', '/auth/jwt/jwks.json').security).toBeUndefined();
  });

  it('leaves a route out that answers nobody: the discovery without an issuer', async () => {
    const path = '/auth/.well-known/openid-configuration';
    expect((await documented()).paths).not.toHaveProperty([path]);
    await booted?.close();
    const asked = await documented({ describe: { internalRoutes: true } });
    expect(asked.paths).toHaveProperty([path]);
  });

  it('leaves the route out that browsers call by themselves, unless internal routes are asked for', async () => {
    const sessions = { deviceBinding: true };
    const path = '/auth/session/bind';
    expect((await documented({ sessions })).paths).not.toHaveProperty([path]);
    await booted?.close();
    const asked = await documented({ sessions, describe: { internalRoutes: true } });
    expect(asked.paths).toHaveProperty([path, 'post']);
  });

  it('follows prefix, versions and the paths of modules', async () => {
    @Controller({ path: 'notes', version: ['1', '2'] })
    class NotesController {
      @Get(':id')
      @VerifySession()
      note(): string {
        return 'note';
      }

      @Get(['a', 'b'])
      @Version('3')
      open(): string {
        return 'open';
      }
    }
    @Module({ controllers: [NotesController] })
    class NotesModule {}
    const document = await documented({
      boot: {
        imports: [NotesModule, RouterModule.register([{ path: 'wiki', module: NotesModule }])],
      },
      prepare: (app) => {
        app.setGlobalPrefix('api', { exclude: ['shop/(.*)'] });
        app.enableVersioning({ type: VersioningType.URI });
      },
    });
    expect(operationAt(document, 'get', '/api/v1/wiki/notes/{id}').security).toEqual(BOTH);
    expect(operationAt(document, 'get', '/api/v2/wiki/notes/{id}').security).toEqual(BOTH);
    expect(operationAt(document, 'get', '/api/v3/wiki/notes/b').security).toBeUndefined();
    expect(operationAt(document, 'get', '/api/auth/sessions').security).toEqual(BOTH);
  });

  it('finds the handlers of a document without the global prefix', async () => {
    let made: OpenAPIObject | undefined;
    booted = await bootApp({
      controllers: [ShopController],
      prepare: (app) => {
        app.setGlobalPrefix('api');
        const config = new DocumentBuilder().build();
        const document = SwaggerModule.createDocument(app, config, { ignoreGlobalPrefix: true });
        made = describeSessions(document, app);
      },
    });
    expect(operationAt(made as OpenAPIObject, 'get', '/shop/orders/{id}').security).toEqual(BOTH);
  });

  it('names what each kind of sessions is shown by', async () => {
    @Controller('staff')
    @VerifySession({ kind: 'staff' })
    class StaffController {
      @Get('me')
      me(): string {
        return 'me';
      }
    }
    const document = await documented({
      boot: {
        controllers: [ShopController, StaffController],
        imports: [SessionModule.forRoot({ kind: 'staff' })],
      },
    });
    expect(await problemsOf(document)).toEqual([]);
    const staff = [{ 'staff-sessionCookie': [] }, { 'staff-sessionBearer': [] }];
    expect(operationAt(document, 'get', '/staff/me').security).toEqual(staff);
    expect(operationAt(document, 'get', '/shop/orders/{id}').security).toEqual(BOTH);
    expect(operationAt(document, 'get', '/auth/staff/sessions').security).toEqual(staff);
    expect(document.components?.securitySchemes?.['staff-sessionCookie']).toMatchObject({
      name: '__Host-staff-sAccessToken',
    });
    const ids = Object.values(document.paths).flatMap((item) =>
      (Object.values(item) as Operation[]).map(({ operationId }) => operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('describes the list of sessions as it is answered, also where somebody acts as the user', async () => {
    @Controller()
    class SupportController {
      constructor(private readonly service: SessionService) {}

      @Post('act')
      @VerifySession()
      async act(
        @Req() request: object,
        @Res({ passthrough: true }) response: object,
      ): Promise<void> {
        await this.service.impersonate(request, response, { userId: 'u2', reason: 'ticket 7' });
      }
    }
    const document = await documented({
      boot: { controllers: [ShopController, SupportController] },
    });
    const client = (booted as BootedApp).client();
    await client.post('/shop/login');
    await client.post('/act');
    const listed = await client.get('/auth/sessions');
    const { sessions } = listed.json as { sessions: Record<string, unknown>[] };
    const schema = document.components?.schemas?.['SessionSummary'] as {
      required: string[];
      properties: Record<string, { type: string }>;
    };
    expect(sessions.map((each) => each['isImpersonated'])).toEqual([true]);
    for (const name of Object.keys(sessions[0] ?? {})) {
      const { type } = schema.properties[name] ?? { type: 'none' };
      const kind = typeof sessions[0]?.[name];
      expect([name, type]).toEqual([name, kind === 'number' ? 'integer' : kind]);
    }
    const optional = ['bound', 'isImpersonated'];
    expect(Object.keys(schema.properties).toSorted()).toEqual(
      [...schema.required, ...optional].toSorted(),
    );
    expect(Object.keys(sessions[0] ?? {})).toEqual(expect.arrayContaining(schema.required));
  });

  it("says of the application's own refresh route what it takes", async () => {
    @Controller('auth/session')
    class OwnRefreshController {
      @Post('refresh')
      @VerifySession()
      refresh(): object {
        return {};
      }
    }
    const document = await documented({
      sessions: { routes: { refresh: false } },
      boot: { controllers: [OwnRefreshController] },
    });
    expect(operationAt(document, 'post', '/auth/session/refresh').security).toEqual([
      { sessionRefreshCookie: [] },
      { sessionRefreshBearer: [] },
    ]);
  });

  it.each([
    [{ schemes: ['cookies'] }, "schemes must be a list of 'cookie' and 'bearer'"],
    [{ tag: 7 }, 'tag must be a non-empty string'],
    [{ names: 'yes' }, 'names must be true or false'],
    [{ scheme: ['cookie'] }, 'known here: schemes, tag, names, internalRoutes'],
  ])('refuses the options %o', async (options, problem) => {
    await expect(documented({ describe: options as never })).rejects.toThrow(problem);
  });
});

describe('describeSessions in a service that verifies the sessions of another', () => {
  @Controller('orders')
  class OrdersController {
    @Get()
    @VerifySession()
    orders(): string {
      return 'orders';
    }
  }

  it.each<[string, SessionVerifierOptions, object[]]>([
    ['the bearer token alone', { issuer: ISSUER }, [{ sessionBearer: [] }]],
    ['cookies too, where it reads them', { issuer: ISSUER, cookies: true }, BOTH],
  ])('asks for %s', async (_, options, security) => {
    let document: OpenAPIObject | undefined;
    const service = await bootVerifier({
      options,
      controllers: [OrdersController],
      prepare: (app) => {
        const made = SwaggerModule.createDocument(app, new DocumentBuilder().build());
        document = describeSessions(made, app);
      },
    });
    await service.close();
    const operation = operationAt(document as OpenAPIObject, 'get', '/orders');
    expect(operation.security).toEqual(security);
    expect(Object.keys(operation.responses)).toEqual(['200', '401', '503']);
  });
});
