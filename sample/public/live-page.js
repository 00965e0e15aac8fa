import { byId } from './elements.js';
import { openGuardedPage } from './guarded-page.js';
import SuperTokens from './sdk.js';
import { timeOfDay } from './time.js';

const MEANINGS = {
  UNAUTHORISED: 'The server has ended the stream: your session is over.',
  TRY_REFRESH_TOKEN: 'The server has ended the stream, as your access token has.',
};

await openGuardedPage();
open();

function open() {
  const source = new EventSource('/account/live');
  source.addEventListener('message', ({ data }) => {
    byId('tick').textContent = timeOfDay(Date.parse(data));
    say('The stream is open.');
  });
  source.addEventListener('session-ended', ({ data }) => {
    source.close();
    say(`${MEANINGS[JSON.parse(data).code]} It was ${timeOfDay(Date.now())}.`);
  });
  // An EventSource can't say why it was refused. An expired access token is refreshed, and the stream opened again.
  source.addEventListener('error', async () => {
    if (source.readyState !== EventSource.CLOSED) return;
    if (await SuperTokens.attemptRefreshingSession()) open();
  });
}

function say(text) {
  if (byId('state').textContent !== text) byId('state').textContent = text;
}
