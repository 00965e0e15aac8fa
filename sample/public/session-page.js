import { call } from './api.js';
import { byId, element } from './elements.js';
import { knownSession } from './front-token.js';
import { openGuardedPage } from './guarded-page.js';
import { showJournal } from './journal-view.js';
import SuperTokens, { onSdkEvent } from './sdk.js';
import { knownCookies, knownOrigin, refreshesOf } from './session-notes.js';
import { tableRow } from './table-row.js';
import { clock, dateAndTime, timeOfDay } from './time.js';

const ASK_EVERY_MS = 5000;

const MEANINGS = {
  sub: 'the user',
  tId: 'the tenant',
  sessionHandle: 'names the session',
  refreshTokenHash1: 'SHA-256 of the refresh token',
  parentRefreshTokenHash1: 'of the refresh token before it',
  antiCsrfToken: 'only with anti-CSRF by token',
  iat: 'issued',
  exp: 'expires',
  iss: 'issuer',
};

const OWN_MEANINGS = {
  'st-role': 'a claim: fetched by RolesClaim',
};

const TIMES = new Set([
  'createdAt',
  'authenticatedAt',
  'lastActiveAt',
  'expiresAt',
  'rotatedAt',
  'confirmedAt',
]);

await openGuardedPage();
showJournal(byId('journal'));
onSdkEvent(({ action }) => {
  if (action === 'REFRESH_SESSION' || action === 'ACCESS_TOKEN_PAYLOAD_UPDATED') showToken();
});

// Set before any request, so that no click is lost while a slow server answers.
let isBusy = false;
byId('ask').addEventListener('click', () => one(ask));
byId('refresh').addEventListener('click', () => one(SuperTokens.attemptRefreshingSession));

let asking;
byId('keep-asking').addEventListener('change', ({ target }) => {
  clearInterval(asking);
  if (target.checked) asking = setInterval(() => one(ask), ASK_EVERY_MS);
});

const profile = await ask();
byId('how').textContent = `Created by ${knownOrigin()}`;
byId('greeting').textContent = `Hello, ${profile?.name ?? 'you'}.`;
byId('email').textContent = profile?.email ?? '';
byId('plan').textContent = profile?.plan ?? '';
showToken();
await showRow();
setInterval(countDown, 250);

/** Asks the guarded route; the SDK refreshes on the way if needed. */
async function ask() {
  const { status, body } = await call('GET', '/profile');
  return status === 200 ? body : undefined;
}

/** Does one thing at a time, and then shows the database's row. */
async function one(work) {
  if (isBusy) return;
  isBusy = true;
  try {
    await work();
    await showRow();
  } finally {
    isBusy = false;
  }
}

/** Shows what is known without a request: the access token's contents, and the cookies. */
function showToken() {
  const session = knownSession();
  if (session === undefined) return;
  const { claims } = session;
  byId('handle').textContent = claims.sessionHandle;
  byId('refreshes').textContent = String(refreshesOf(claims.sessionHandle));
  showClaims(claims);
  showCookies();
  countDown();
}

function showClaims(claims) {
  const own = Object.keys(claims).filter((name) => !(name in MEANINGS));
  const reserved = Object.keys(MEANINGS).filter((name) => name in claims);
  byId('claims').tBodies[0].replaceChildren(
    ...[...own, ...reserved].map((name) => {
      const isTime = name === 'iat' || name === 'exp';
      const value = isTime ? `${claims[name]} · ${timeOfDay(claims[name] * 1000)}` : claims[name];
      return tableRow(
        name,
        value,
        MEANINGS[name] ?? OWN_MEANINGS[name] ?? 'yours: accessTokenPayload',
      );
    }),
  );
}

function showCookies() {
  const visible = document.cookie.split('; ').map((pair) => pair.slice(0, pair.indexOf('=')));
  byId('visible-cookies').textContent = visible.join(', ');
  byId('cookies').replaceChildren(
    ...knownCookies().map(({ name, attributes }) =>
      element(
        'li',
        {},
        element('code', { class: 'cookie-name' }, name),
        element(
          'span',
          { class: 'chips' },
          ...attributes.map((attribute) =>
            element(
              'span',
              { class: attribute === 'HttpOnly' ? 'chip strong' : 'chip' },
              attribute,
            ),
          ),
        ),
      ),
    ),
  );
}

async function showRow() {
  const { status, body } = await call('GET', '/demo/session-row');
  if (status !== 200) return;
  byId('since').textContent = timeOfDay(body.createdAt);
  byId('row').tBodies[0].replaceChildren(
    ...Object.entries(body).map(([column, value]) =>
      tableRow(column, TIMES.has(column) && value !== null ? dateAndTime(value) : value),
    ),
  );
}

function countDown() {
  const session = knownSession();
  if (session === undefined) return;
  const { expiresAtMs, claims } = session;
  const leftMs = Math.max(0, expiresAtMs - Date.now());
  const isOver = leftMs === 0;
  byId('left').textContent = clock(leftMs);
  byId('left-label').textContent = isOver
    ? 'Expired. The next request refreshes it.'
    : 'until the access token expires';
  byId('countdown').classList.toggle('over', isOver);
  const lifetimeMs = expiresAtMs - claims.iat * 1000;
  byId('ring').style.strokeDashoffset = String(100 - (100 * leftMs) / lifetimeMs);
}
