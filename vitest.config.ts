import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.spec.ts'],
    // By `npm run test:cluster`, on a cluster that it starts, and by `npm run test:matrix`, which installs applications.
    exclude: ['test/cluster/**', 'test/matrix/**'],
    // Tests wait for servers and browsers as much as they compute: on two cores vitest would take one file at a time.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // A worker loads Nest, TypeORM and the drivers once, not once for each of two hundred files.
    isolate: false,
    setupFiles: ['test/support/setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
