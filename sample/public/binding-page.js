import { call } from './api.js';
import { byId } from './elements.js';
import { openGuardedPage } from './guarded-page.js';

await openGuardedPage();
byId('again').addEventListener('click', show);
await show();

async function show() {
  const { status, body } = await call('GET', '/demo/binding');
  if (status === 200) byId('verdict').textContent = verdictOf(body);
}

function verdictOf({ isBound, isSecure }) {
  if (isBound)
    return 'Yes. This browser holds a key for the session, and proves it at each refresh.';
  return isSecure
    ? 'No. This browser passed over the question, as most do: the session is an ordinary one.'
    : 'No. This page came over plain http, where no browser binds a session.';
}
