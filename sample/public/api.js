/**
 * One request to the sample's server. The SDK refreshes an expired access token and sends the request again. Resolves
 * to `{ status, body }`, whatever the status.
 */
export async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}
