import SuperTokens from '/supertokens-website.js';
import { knownSession } from './front-token.js';
import { lastRequestTo, note } from './journal.js';
import { forgetSession, noteRefresh } from './session-notes.js';
import { watchFetch } from './watched-fetch.js';

const REFRESH_PATH = '/auth/session/refresh';
const listeners = new Set();

const MEANINGS = {
  SESSION_CREATED: 'A session has begun.',
  ACCESS_TOKEN_PAYLOAD_UPDATED: 'The access token has new contents.',
  REFRESH_SESSION: 'New tokens have been fetched.',
  SIGN_OUT: 'The session was ended from here.',
  API_INVALID_CLAIM: 'A claim of the token did not suffice.',
  UNAUTHORISED: 'The server knows of no session here.',
};

watchFetch();
SuperTokens.init({
  apiDomain: window.location.origin,
  apiBasePath: '/auth',
  onHandleEvent: (event) => {
    if (event.action === 'REFRESH_SESSION') noteRefresh(knownSession()?.claims.sessionHandle);
    note({ kind: 'event', action: event.action, text: MEANINGS[event.action] });
    if (event.action === 'SIGN_OUT' || event.action === 'UNAUTHORISED') forgetSession();
    for (const listener of listeners) listener(event);
  },
});

export default SuperTokens;

/** @param listener called with each event of the SDK */
export function onSdkEvent(listener) {
  listeners.add(listener);
}

/** Whether the session has just ended because a spent refresh token came back. */
export function wasStolen() {
  return lastRequestTo(REFRESH_PATH)?.message === 'token theft detected';
}
