import 'reflect-metadata';
import { afterAll, vi } from 'vitest';

// The next file has the same worker, and so the same classes.
afterAll(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  vi.useRealTimers();
});
