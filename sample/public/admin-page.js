import { call } from './api.js';
import { byId, element } from './elements.js';
import { openGuardedPage } from './guarded-page.js';
import { initialsOf } from './initials.js';
import { knownSession } from './front-token.js';
import { onSdkEvent } from './sdk.js';

await openGuardedPage();
onSdkEvent(({ action, claimValidationErrors }) => {
  if (action === 'API_INVALID_CLAIM') showRefusal(claimValidationErrors);
});
byId('again').addEventListener('click', show);
await show();

async function show() {
  const { status, body } = await call('GET', '/admin/users');
  byId('users').hidden = status !== 200;
  if (status !== 200) return;
  byId('refused').hidden = true;
  byId('list').replaceChildren(...body.map(line));
}

function showRefusal(errors) {
  byId('refused').hidden = false;
  byId('reasons').replaceChildren(
    ...errors.map(({ id, reason }) =>
      element('li', {}, element('code', {}, `${id} · ${JSON.stringify(reason)}`)),
    ),
  );
}

function line(user) {
  return element(
    'li',
    {},
    element('span', { class: 'avatar', 'aria-hidden': 'true' }, initialsOf(user.name)),
    element(
      'span',
      { class: 'person' },
      element('strong', {}, user.name),
      element('span', {}, user.email),
    ),
    element('span', { class: user.role === 'admin' ? 'chip strong' : 'chip' }, user.role),
    actButton(user),
    roleButton(user),
  );
}

function actButton({ id, name }) {
  const isSelf = id === knownSession()?.claims.sub;
  const button = element(
    'button',
    {
      type: 'button',
      class: 'secondary small',
      'aria-label': `Log in as ${name}`,
      ...(isSelf ? { disabled: '', title: 'This is you.' } : {}),
    },
    'Log in as',
  );
  button.addEventListener('click', async () => {
    button.disabled = true;
    const reason = byId('reason').value;
    const { status, body } = await call('POST', `/admin/users/${id}/act-as`, { reason });
    if (status === 200) window.location.assign('/session');
    byId('problem').textContent = body?.message ?? `The server answered ${status}.`;
    button.disabled = false;
  });
  return button;
}

function roleButton({ id, name, role }) {
  const isSelf = id === knownSession()?.claims.sub;
  const next = role === 'admin' ? 'member' : 'admin';
  const button = element(
    'button',
    {
      type: 'button',
      class: 'secondary small',
      'aria-label': `Make ${name} ${article(next)} ${next}`,
      ...(isSelf ? { disabled: '', title: 'Nobody changes their own role.' } : {}),
    },
    `Make ${next}`,
  );
  button.addEventListener('click', async () => {
    button.disabled = true;
    const { status, body } = await call('POST', `/admin/users/${id}/role`, { role: next });
    const isDone = status === 200;
    await show();
    byId('done').textContent = isDone
      ? `${name} is ${article(next)} ${next} from their next request on.`
      : '';
    byId('problem').textContent = isDone ? '' : (body?.message ?? `The server answered ${status}.`);
  });
  return button;
}

function article(role) {
  return role === 'admin' ? 'an' : 'a';
}
