// The pages' own notes about the session, so that a reload shows it again. None of it is a secret.

/** The names and attributes of a response's cookies, as the sample's server reports them. */
export function noteCookies(report) {
  if (report !== null) localStorage.setItem('cookies', report);
}

export function knownCookies() {
  return JSON.parse(localStorage.getItem('cookies') ?? '[]');
}

/** How the session was created, in words for the page. */
export function noteOrigin(text) {
  localStorage.setItem('origin', text);
}

export function knownOrigin() {
  return localStorage.getItem('origin') ?? '';
}

export function noteRefresh(sessionHandle) {
  const count = refreshesOf(sessionHandle) + 1;
  localStorage.setItem('refreshes', JSON.stringify({ sessionHandle, count }));
}

/** How often this browser has refreshed a session. */
export function refreshesOf(sessionHandle) {
  const known = JSON.parse(localStorage.getItem('refreshes') ?? '{}');
  return known.sessionHandle === sessionHandle ? known.count : 0;
}

// The SDK keeps its locks in the same storage, so they stay.
export function forgetSession() {
  for (const key of ['cookies', 'origin', 'refreshes']) localStorage.removeItem(key);
}

/** The next page's message about the session that has just ended. */
export function noteFarewell(text) {
  sessionStorage.setItem('farewell', text);
}

/** Returns the message once. */
export function takeFarewell() {
  const text = sessionStorage.getItem('farewell') ?? '';
  sessionStorage.removeItem('farewell');
  return text;
}
