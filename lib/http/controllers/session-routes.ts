import { applyDecorators, type Type } from '@nestjs/common';
import { type BuiltInRoute, DEFAULT_API_BASE_PATH } from '../../options/built-in-routes.js';
import type { SessionModuleExtras } from '../../options/session-module-options.js';
import { bindController } from './bind.controller.js';
import { jwksController } from './jwks.controller.js';
import { openIdConfigurationController } from './openid-configuration.controller.js';
import { refreshController } from './refresh.controller.js';
import { revocationsController } from './revocations.controller.js';
import { sessionListController } from './session-list.controller.js';
import { signOutController } from './sign-out.controller.js';

/** The built-in routes that are enabled. */
export function sessionControllers({
  apiBasePath = DEFAULT_API_BASE_PATH,
  routes,
  kind,
}: SessionModuleExtras): Type[] {
  if (routes === false) return [];
  const { sessionList } = routes ?? {};
  const requireFresh = typeof sessionList === 'object' ? sessionList.requireFresh : undefined;
  const secrets = feedSecretsOf(routes);
  const makers: Record<
    Exclude<BuiltInRoute, 'revocations'>,
    (basePath: string, decorated: MethodDecorator) => Type
  > = {
    refresh: refreshController,
    bind: bindController,
    signOut: signOutController,
    jwks: jwksController,
    openIdConfiguration: openIdConfigurationController,
    sessionList: (basePath, decorated) =>
      sessionListController(basePath, decorated, requireFresh, kind),
  };
  const usual = Object.entries(makers).flatMap(([name, makeController]) => {
    const route = routes?.[name as keyof typeof makers] ?? true;
    if (route === false) return [];
    const { decorators = [] } = route === true ? {} : route;
    return [makeController(apiBasePath, applyDecorators(...decorators))];
  });
  if (secrets === undefined) return usual;
  const { decorators = [] } = (routes && routes.revocations) || {};
  const decorated = applyDecorators(...decorators);
  return [...usual, revocationsController(apiBasePath, decorated, secrets)];
}

/** The secrets of the feed; `undefined` if it is not served. */
export function feedSecretsOf(
  routes: SessionModuleExtras['routes'],
): readonly string[] | undefined {
  const { revocations = false } = routes || {};
  // The options have been checked: none is missing.
  return revocations === false ? undefined : (revocations.secrets as readonly string[]);
}
