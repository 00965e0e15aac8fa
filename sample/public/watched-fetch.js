import { note } from './journal.js';
import { noteCookies } from './session-notes.js';

/**
 * Notes every request that leaves the page. The SDK puts its own layer over `fetch`. This one lies below it, and so
 * also sees the SDK's own requests: the refresh, and the request that it repeats afterwards.
 */
export function watchFetch() {
  const send = window.fetch.bind(window);
  window.fetch = async (input, init) => {
    const { method, url } = new Request(input, init);
    const { pathname: path } = new URL(url);
    try {
      const response = await send(input, init);
      noteCookies(response.headers.get('demo-cookies'));
      note({
        kind: 'request',
        method,
        path,
        status: response.status,
        ...(await failure(response)),
      });
      return response;
    } catch (error) {
      note({ kind: 'request', method, path, message: 'no answer' });
      throw error;
    }
  };
}

/** The failure in an answer. */
async function failure(response) {
  if (response.ok) return {};
  try {
    const { message } = await response.clone().json();
    return { message };
  } catch {
    return {};
  }
}
