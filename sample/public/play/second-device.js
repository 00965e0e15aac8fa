// To the server, this worker is another machine: the SDK has not touched its `fetch`, which sends no cookies. It only
// has the refresh token that it was given.

let tokens = {};

const actions = {
  take: ({ refreshToken }) => {
    tokens = { refreshToken };
    return {};
  },
  refresh: async () => {
    const { response, body } = await send('POST', '/auth/session/refresh', tokens.refreshToken);
    const frontToken = response.headers.get('front-token');
    if (response.ok) {
      tokens = {
        accessToken: response.headers.get('st-access-token'),
        // If the server has nothing new to send, the old token stays.
        refreshToken: response.headers.get('st-refresh-token') || tokens.refreshToken,
      };
    }
    return {
      status: response.status,
      body,
      hash: response.ok ? JSON.parse(atob(frontToken)).up.refreshTokenHash1 : undefined,
    };
  },
  call: async () => {
    const { response, body } = await send('GET', '/profile', tokens.accessToken);
    return { status: response.status, body };
  },
};

async function send(method, path, token) {
  const response = await fetch(path, {
    method,
    credentials: 'omit',
    headers: { authorization: `Bearer ${token}`, 'st-auth-mode': 'header' },
  });
  return { response, body: await response.json() };
}

self.addEventListener('message', async ({ data, ports: [answer] }) => {
  try {
    answer.postMessage(await actions[data.action](data));
  } catch {
    answer.postMessage({ status: 0, body: { message: 'no answer' } });
  }
});
