import { showBar } from './bar.js';
import { byId } from './elements.js';
import SuperTokens, { onSdkEvent, wasStolen } from './sdk.js';
import { noteFarewell } from './session-notes.js';

const ENDED =
  'Your session is over: it was ended from another device, or went unused for too long.';
const STOLEN =
  'An old key of your session came back, so somebody may have copied it. The session was ended everywhere. ' +
  'Please log in again, and change your password if you don’t know how this came about.';

/** Opens a page that needs a session, or goes to the login if there is none. */
export async function openGuardedPage() {
  onSdkEvent(({ action }) => {
    if (action !== 'UNAUTHORISED') return;
    noteFarewell(wasStolen() ? STOLEN : ENDED);
    window.location.assign('/');
  });
  if (!(await SuperTokens.doesSessionExist())) {
    window.location.assign('/');
    await new Promise(() => {});
  }
  showBar();
  byId('page').hidden = false;
}
