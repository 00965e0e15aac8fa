import { defineConfig } from 'vitest/config';

// `npm run test:cluster`: one cluster of three nodes for all files, one after the other, since they stop nodes.
export default defineConfig({
  test: {
    include: ['test/cluster/**/*.spec.ts'],
    globalSetup: ['test/cluster/setup.ts'],
    setupFiles: ['test/support/setup.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
