import type { SessionListing } from './session-outline.js';

/** The handles of all rows, page by page. */
export async function handlesIn(
  pages: AsyncIterable<readonly SessionListing[]>,
): Promise<string[]> {
  const handles: string[] = [];
  for await (const page of pages) handles.push(...page.map(({ handle }) => handle));
  return handles;
}
