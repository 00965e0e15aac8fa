const STRING_OR_MARK = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/g;

/**
 * Reads a JSON object in which no object has a name twice, because parsers disagree on which one counts (RFC 7515 §4,
 * RFC 7519 §4). `undefined` for anything else.
 */
export function readUniqueObject(text: string): Record<string, unknown> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return hasDoubledNames(text) ? undefined : (value as Record<string, unknown>);
}

/** @param text a text that `JSON.parse` has accepted */
function hasDoubledNames(text: string): boolean {
  const open: Set<string>[] = [];
  let last = '';
  for (const [token] of text.matchAll(STRING_OR_MARK)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      // Decoded, because `"a"` and `"\u0061"` are the same name.
      const name = JSON.parse(last) as string;
      if (open.at(-1)?.has(name) === true) return true;
      open.at(-1)?.add(name);
    }
    last = token;
  }
  return false;
}
