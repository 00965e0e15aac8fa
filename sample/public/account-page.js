import { call } from './api.js';
import { byId } from './elements.js';
import { submit } from './forms.js';
import { openGuardedPage } from './guarded-page.js';
import { noteFarewell, noteOrigin } from './session-notes.js';

await openGuardedPage();

const password = byId('password');
password.addEventListener('submit', async (event) => {
  event.preventDefault();
  byId('changed').textContent = '';
  const fields = Object.fromEntries(new FormData(password));
  const body = await submit(password, () => call('POST', '/account/password', fields));
  if (body === undefined) return;
  noteOrigin('@CreateSession() on POST /account/password');
  password.reset();
  byId('changed').textContent =
    `Your password is changed. ${sessions(body.endedSessions)} ended with the old one, ` +
    'and this browser has a new session already.';
});

const everywhere = byId('everywhere');
everywhere.addEventListener('submit', async (event) => {
  event.preventDefault();
  const body = await submit(everywhere, () => call('POST', '/account/sign-out-everywhere'));
  if (body === undefined) return;
  noteFarewell(`You are signed out everywhere: ${sessions(body.endedSessions)} ended.`);
  window.location.assign('/');
});

function sessions(count) {
  return count === 1 ? '1 session was' : `${count} sessions were`;
}
