// The requests and the SDK's events of this tab, in order. They survive a change of page.

const KEY = 'journal';
const MOST = 80;
const listeners = new Set();

/** `{ atMs, kind: 'request', method, path, status, message? }` or `{ atMs, kind: 'event', action, text }` */
export function note(entry) {
  const dated = { atMs: Date.now(), ...entry };
  sessionStorage.setItem(KEY, JSON.stringify([...entries(), dated].slice(-MOST)));
  for (const listener of listeners) listener(dated);
}

export function entries() {
  return JSON.parse(sessionStorage.getItem(KEY) ?? '[]');
}

export function forgetEntries() {
  sessionStorage.removeItem(KEY);
}

/** @param listener called with each new entry */
export function onEntry(listener) {
  listeners.add(listener);
}

/** The newest request to a path; undefined if there was none. */
export function lastRequestTo(path) {
  return entries().findLast((entry) => entry.kind === 'request' && entry.path === path);
}
