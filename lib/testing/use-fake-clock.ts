import { Clock } from '../time/clock.js';
import { FakeClock } from './fake-clock.js';

/** The part of Nest's `TestingModuleBuilder` that is used here. */
interface OverridesProviders {
  overrideProvider(token: typeof Clock): { useValue(value: Clock): unknown };
}

/**
 * Gives the sessions of a testing module a clock that stands still until the test moves it. The test runner's time is
 * not mocked. The rest of the application keeps its own clock.
 *
 * @param now milliseconds since the epoch, or a date. @default the real time, in whole seconds
 * @example
 * ```ts
 * const builder = Test.createTestingModule({ imports: [AppModule] });
 * const clock = useFakeClock(builder);
 * const testing = await builder.compile();
 * clock.advance('31d');
 * ```
 * @publicApi
 */
export function useFakeClock(builder: OverridesProviders, now?: Date | number): FakeClock {
  const clock = new FakeClock(now instanceof Date ? now.getTime() : now);
  builder.overrideProvider(Clock).useValue(clock);
  return clock;
}
