import { ConfigurableModuleBuilder } from '@nestjs/common';
import { DEFAULT_API_BASE_PATH } from './options/built-in-routes.js';
import type {
  SessionModuleExtras,
  SessionModuleOptions,
} from './options/session-module-options.js';

export const {
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN: SESSION_MODULE_OPTIONS,
  OPTIONS_TYPE,
  ASYNC_OPTIONS_TYPE,
} = new ConfigurableModuleBuilder<SessionModuleOptions>({ moduleName: 'Session' })
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createSessionOptions')
  // Only the names count here: Nest removes these extras from the options.
  .setExtras<SessionModuleExtras>({
    kind: '',
    isGlobal: true,
    dataSource: 'default',
    apiBasePath: DEFAULT_API_BASE_PATH,
    routes: {},
  })
  .build();
