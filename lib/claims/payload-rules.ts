/** Own keys of these names become the prototype, or pass for it, when somebody copies an object (CWE-1321). */
export const PROTOTYPE_KEYS: ReadonlySet<string> = new Set([
  '__proto__',
  'constructor',
  'prototype',
]);

/** The most values that the arrays of a payload may hold together. */
export const MAX_VALUES = 4096;
