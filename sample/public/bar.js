import { call } from './api.js';
import { byId, element } from './elements.js';
import { knownSession } from './front-token.js';
import SuperTokens from './sdk.js';
import { noteFarewell } from './session-notes.js';

// To add a page, add one line here.
const PAGES = [
  { path: '/session', title: 'Session', isGuarded: true },
  { path: '/devices', title: 'Devices', isGuarded: true },
  { path: '/live', title: 'Live', isGuarded: true },
  { path: '/binding', title: 'This device', isGuarded: true },
  { path: '/account', title: 'Account', isGuarded: true },
  { path: '/data', title: 'Your data', isGuarded: true },
  { path: '/admin', title: 'Admin', isGuarded: true },
  { path: '/theft', title: 'A theft, played', isGuarded: false },
];

/** Draws the bar above every page: the pages to visit now, and the way out. */
export function showBar() {
  const isLoggedIn = knownSession() !== undefined;
  const links = PAGES.filter((page) => isLoggedIn || !page.isGuarded).map(({ path, title }) => {
    const isHere = window.location.pathname === path;
    return element('a', { href: path, ...(isHere ? { 'aria-current': 'page' } : {}) }, title);
  });
  byId('bar').replaceChildren(
    element(
      'a',
      { class: 'brand', href: '/' },
      element('img', { src: '/favicon.svg', alt: '', width: '28', height: '28' }),
      element('span', {}, 'nestjs-auth-sessions ', element('small', {}, 'sample')),
    ),
    element('nav', { 'aria-label': 'Pages' }, ...links),
    ...(isLoggedIn ? [signOutButton()] : []),
    ...(knownSession()?.claims.act === true ? [actingBanner()] : []),
  );
}

/** Shows on every page that somebody else acts here, with a way back. */
function actingBanner() {
  const { name } = knownSession().claims;
  const button = element('button', { type: 'button', class: 'small' }, 'Back to my own session');
  button.addEventListener('click', async () => {
    button.disabled = true;
    const { status } = await call('POST', '/admin/act-as-myself');
    window.location.assign(status === 200 ? '/admin' : '/');
  });
  return element(
    'p',
    { class: 'acting', role: 'status' },
    element('span', {}, `You are logged in as ${name}, and what you do counts as theirs.`),
    button,
  );
}

function signOutButton() {
  const button = element('button', { type: 'button', class: 'secondary small' }, 'Sign out');
  button.addEventListener('click', async () => {
    button.disabled = true;
    noteFarewell('You are signed out. The session’s row is gone, and so are its cookies.');
    await SuperTokens.signOut();
    window.location.assign('/');
  });
  return button;
}
