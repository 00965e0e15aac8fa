import type { Type } from '@nestjs/common';
import { type BuiltInRoute, DEFAULT_API_BASE_PATH } from '../../options/built-in-routes.js';
import type { SessionModuleExtras } from '../../options/session-module-options.js';
import { jwksController } from './jwks.controller.js';
import { openIdConfigurationController } from './openid-configuration.controller.js';
import { refreshController } from './refresh.controller.js';
import { sessionListController } from './session-list.controller.js';
import { signOutController } from './sign-out.controller.js';

/** The built-in routes that are switched on. */
export function sessionControllers({
  apiBasePath = DEFAULT_API_BASE_PATH,
  routes,
  kind,
}: SessionModuleExtras): Type[] {
  if (routes === false) return [];
  const { sessionList } = routes ?? {};
  const requireFresh = typeof sessionList === 'object' ? sessionList.requireFresh : undefined;
  const makers: Record<BuiltInRoute, (basePath: string) => Type> = {
    refresh: refreshController,
    signOut: signOutController,
    jwks: jwksController,
    openIdConfiguration: openIdConfigurationController,
    sessionList: (basePath) => sessionListController(basePath, requireFresh, kind),
  };
  return Object.entries(makers)
    .filter(([name]) => routes?.[name as BuiltInRoute] !== false)
    .map(([, makeController]) => makeController(apiBasePath));
}
