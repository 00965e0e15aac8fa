addEventListener('message', (event) => {
  const answer = fetch(`${event.data}/auth/session/refresh`, {
    method: 'POST',
    credentials: 'include',
  });
  event.waitUntil(answer.then(({ status }) => event.ports[0].postMessage(status)));
});
