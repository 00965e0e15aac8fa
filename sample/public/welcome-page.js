import { call } from './api.js';
import { showBar } from './bar.js';
import { byId, element } from './elements.js';
import { showProblem, submit } from './forms.js';
import { initialsOf } from './initials.js';
import { forgetEntries } from './journal.js';
import SuperTokens from './sdk.js';
import { noteOrigin, takeFarewell } from './session-notes.js';

const DEMO_USERS = [
  { name: 'Ada Lovelace', plan: 'team', email: 'ada@example.com', password: 'analytical-engine' },
  { name: 'Grace Hopper', plan: 'team', email: 'grace@example.com', password: 'nanoseconds' },
  { name: 'Alan Turing', plan: 'free', email: 'alan@example.com', password: 'universal-machine' },
];

const WRONG_CREDENTIALS = {
  401: { message: 'That e-mail address and password don’t belong together.', field: 'password' },
};

const tabs = [byId('tab-login'), byId('tab-signup')];
const forms = { login: byId('login'), signup: byId('signup') };

byId('people').replaceChildren(
  ...DEMO_USERS.map((user) => {
    const fill = element(
      'button',
      { type: 'button', 'aria-label': `Fill in ${user.name}` },
      element('span', { class: 'avatar', 'aria-hidden': 'true' }, initialsOf(user.name)),
      element(
        'span',
        { class: 'person' },
        element('strong', {}, user.name),
        element('code', {}, `${user.email} · ${user.password}`),
      ),
      element('span', { class: `chip ${user.plan}` }, user.plan),
    );
    fill.addEventListener('click', () => fillIn(user));
    return element('li', {}, fill);
  }),
);

for (const [index, tab] of tabs.entries()) {
  tab.addEventListener('click', () => select(index));
  tab.addEventListener('keydown', ({ key }) => {
    if (key !== 'ArrowLeft' && key !== 'ArrowRight') return;
    select(1 - index);
    tabs[1 - index].focus();
  });
}

for (const form of Object.values(forms)) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const path = new URL(form.action).pathname;
    const fields = Object.fromEntries(new FormData(form));
    void enter(form, path, fields, `@CreateSession() on POST ${path}`);
  });
}

byId('sso').addEventListener('click', () => {
  void enter(forms.login, '/sso', undefined, 'sessions.createNewSession() on POST /sso');
});

if (await SuperTokens.doesSessionExist()) {
  window.location.replace('/session');
} else {
  showBar();
  byId('farewell').textContent = takeFarewell();
  byId('page').hidden = false;
}

async function enter(form, path, fields, origin) {
  forgetEntries();
  const body = await submit(form, () => call('POST', path, fields), WRONG_CREDENTIALS);
  if (body === undefined) return;
  noteOrigin(origin);
  window.location.assign('/session');
}

function select(index) {
  for (const [other, tab] of tabs.entries()) {
    tab.setAttribute('aria-selected', String(other === index));
    tab.tabIndex = other === index ? 0 : -1;
    byId(tab.getAttribute('aria-controls')).hidden = other !== index;
  }
}

function fillIn({ email, password }) {
  select(0);
  forms.login.elements.email.value = email;
  forms.login.elements.password.value = password;
  showProblem(forms.login);
  forms.login.querySelector('.primary').focus();
}
