import { defineConfig } from 'vitest/config';

// `npm run test:matrix`: applications that install the package from the registry's other packages, two at a time.
export default defineConfig({
  test: {
    include: ['test/matrix/**/*.spec.ts'],
    setupFiles: ['test/support/setup.ts'],
    reporters: ['verbose'],
    fileParallelism: false,
    maxConcurrency: 2,
    testTimeout: 30 * 60_000,
    hookTimeout: 10 * 60_000,
  },
});
