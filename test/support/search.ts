/** One step that a world can take: what happens, and the world after it or the rule that it breaks. */
export type Step<World> =
  | { readonly does: string; readonly next: World }
  | { readonly does: string; readonly breaks: string };

export interface SearchResult {
  /** How many different worlds were looked at. */
  readonly worlds: number;
  /** How many steps the farthest of them is away. */
  readonly depth: number;
  /** Whether every world within reach was looked at, whatever the number of steps. */
  readonly exhausted: boolean;
  /** The shortest way to a broken rule: its steps, and the rule last. */
  readonly counterexample: readonly string[] | undefined;
}

interface Visited<World> {
  readonly world: World;
  readonly depth: number;
  readonly does: string;
  readonly from: Visited<World> | undefined;
}

/** Looks breadth first at every world that the first one can become; worlds with the same key are one. */
export function searchWorlds<World>(
  first: World,
  stepsOf: (world: World) => Iterable<Step<World>>,
  keyOf: (world: World) => string,
  maxDepth = Infinity,
): SearchResult {
  const queue: Visited<World>[] = [{ world: first, depth: 0, does: '', from: undefined }];
  const seen = new Set([keyOf(first)]);
  let exhausted = true;
  let depth = 0;
  // The queue grows while it is walked.
  for (const visited of queue) {
    depth = visited.depth;
    if (depth === maxDepth) {
      exhausted = false;
      continue;
    }
    for (const step of stepsOf(visited.world)) {
      if ('breaks' in step) {
        const counterexample = [...pathTo(visited), step.does, step.breaks];
        return { worlds: seen.size, depth: depth + 1, exhausted: false, counterexample };
      }
      const key = keyOf(step.next);
      if (seen.has(key)) continue;
      seen.add(key);
      queue.push({ world: step.next, depth: depth + 1, does: step.does, from: visited });
    }
  }
  return { worlds: seen.size, depth, exhausted, counterexample: undefined };
}

function pathTo<World>(visited: Visited<World>): string[] {
  const path: string[] = [];
  for (let at = visited; at.from !== undefined; at = at.from) path.unshift(at.does);
  return path;
}
