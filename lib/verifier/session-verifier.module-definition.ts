import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { SessionVerifierExtras, SessionVerifierOptions } from './session-verifier-options.js';

export const {
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN: SESSION_VERIFIER_OPTIONS,
  OPTIONS_TYPE,
  ASYNC_OPTIONS_TYPE,
} = new ConfigurableModuleBuilder<SessionVerifierOptions>({ moduleName: 'SessionVerifier' })
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createSessionVerifierOptions')
  // Only the names count here: the module itself reads these extras.
  .setExtras<SessionVerifierExtras>({ kind: '', isGlobal: true })
  .build();
