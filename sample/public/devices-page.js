import { call } from './api.js';
import { byId, element } from './elements.js';
import { openGuardedPage } from './guarded-page.js';
import { noteFarewell } from './session-notes.js';
import { dateAndTime } from './time.js';

const SCREEN = 'M4.500 6.500h23v15h-23zM2 25.500h28';
const PHONE = 'M10 3.500h12v25H10zM15 25h2';

await openGuardedPage();

byId('again').addEventListener('click', async () => {
  byId('done').textContent = '';
  await show();
});

byId('others').addEventListener('click', async ({ target }) => {
  target.disabled = true;
  const { status, body } = await call('DELETE', '/auth/sessions');
  target.disabled = false;
  if (status !== 200) return;
  await show();
  byId('done').textContent =
    body.revoked === 1 ? 'One other device is out.' : `${body.revoked} other devices are out.`;
});

await show();

async function show() {
  const { status, body } = await call('GET', '/auth/sessions');
  if (status !== 200) return;
  byId('others').hidden = body.sessions.length < 2;
  byId('list').replaceChildren(...body.sessions.map(line));
}

function line(session) {
  const { device, isCurrent } = session;
  const name = device.name ?? 'An unknown device';
  return element(
    'li',
    {},
    icon(/iOS|Android/.test(name) ? PHONE : SCREEN),
    element(
      'div',
      {},
      element(
        'p',
        { class: 'name' },
        element('strong', {}, name),
        ...(isCurrent ? [element('span', { class: 'chip strong' }, 'this device')] : []),
      ),
      element(
        'p',
        { class: 'detail' },
        [
          `Logged in ${dateAndTime(session.timeCreated)}`,
          `active ${dateAndTime(session.lastActive)}`,
          ...(device.ip === null ? [] : [`from ${device.ip}`]),
        ].join(' · '),
      ),
    ),
    signOutButton(session, name),
  );
}

function signOutButton({ sessionHandle, isCurrent }, name) {
  const button = element(
    'button',
    { type: 'button', class: 'secondary small', 'aria-label': `Sign out ${name}` },
    'Sign out',
  );
  button.addEventListener('click', async () => {
    button.disabled = true;
    if (isCurrent) noteFarewell('You are signed out on this device.');
    await call('DELETE', `/auth/sessions/${sessionHandle}`);
    if (isCurrent) {
      window.location.assign('/');
      return;
    }
    await show();
    byId('done').textContent = `${name} is out.`;
  });
  return button;
}

function icon(path) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 32 32');
  svg.setAttribute('aria-hidden', 'true');
  const shape = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  shape.setAttribute('d', path);
  svg.append(shape);
  return svg;
}
