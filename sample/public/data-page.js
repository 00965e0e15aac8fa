import { call } from './api.js';
import { byId } from './elements.js';
import { submit } from './forms.js';
import { openGuardedPage } from './guarded-page.js';
import { clock } from './time.js';

await openGuardedPage();
const confirmation = byId('confirm');

byId('again').addEventListener('click', async () => {
  byId('renewed').textContent = '';
  await show();
});

confirmation.addEventListener('submit', async (event) => {
  event.preventDefault();
  const fields = Object.fromEntries(new FormData(confirmation));
  const body = await submit(confirmation, () => call('POST', '/account/confirm-password', fields));
  if (body === undefined) return;
  confirmation.reset();
  byId('renewed').textContent =
    'Thank you. Your session was renewed: it has another name and new tokens, and all that it held.';
  await show();
});

await show();

/** Shows the data, or asks for the password if the server says that its last check was too long ago. */
async function show() {
  const { status, body } = await call('GET', '/account/export');
  const stale = body?.claimValidationErrors?.find(({ id }) => id === 'auth_time');
  confirmation.hidden = stale === undefined;
  byId('export').hidden = status !== 200;
  if (stale !== undefined) askForPassword(stale.reason);
  if (status === 200) byId('content').textContent = JSON.stringify(body, null, 2);
}

function askForPassword({ ageInSeconds, maxAgeInSeconds }) {
  byId('fresh-for').textContent = `${maxAgeInSeconds} seconds`;
  byId('why').textContent =
    `You did so ${clock(ageInSeconds * 1000)} minutes ago. The route has @RequireFresh(${maxAgeInSeconds}) ` +
    'and answered 403.';
  confirmation.elements.password.focus();
}
