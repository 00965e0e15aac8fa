import { describe, expect, it } from 'vitest';
import { transferMethodForCreate } from '../../../lib/http/transport/transfer-method.js';
import { resolveSessionOptions } from '../../../lib/options/resolve-options.js';
import type { SessionModuleOptions } from '../../../lib/options/session-module-options.js';

type Method = SessionModuleOptions['tokenTransferMethod'];

function choose(tokenTransferMethod: Method, mode?: string) {
  const written = tokenTransferMethod === undefined ? {} : { tokenTransferMethod };
  const options = resolveSessionOptions(written, { production: false });
  const headers = mode === undefined ? {} : { 'st-auth-mode': mode };
  return transferMethodForCreate({ method: 'POST', headers }, options);
}

describe("a new session's tokens", () => {
  it.each([
    [undefined, undefined, 'cookie'],
    [undefined, 'cookie', 'cookie'],
    [undefined, 'header', 'header'],
    [undefined, 'Header', 'header'],
    [undefined, 'any', 'cookie'],
    [undefined, 'headers', 'cookie'],
    [undefined, '', 'cookie'],
    ['any', 'header', 'header'],
    ['cookie', 'header', 'cookie'],
    ['cookie', undefined, 'cookie'],
    ['header', 'cookie', 'header'],
    ['header', undefined, 'header'],
  ] as const)('where the server says %j and the client %j, go by %s', (server, client, method) =>
    expect(choose(server, client)).toBe(method),
  );

  it('go where the application says for this request, else where the client asks', () => {
    const chooser: Method = (request, step) =>
      step === 'create' && JSON.stringify(request).includes('"POST"') ? 'header' : 'any';
    expect(choose(chooser, 'cookie')).toBe('header');
    expect(choose(() => 'any', 'header')).toBe('header');
    expect(choose(() => 'any')).toBe('cookie');
  });

  it.each([undefined, null, '', 'Header', 'both', true, {}, Promise.resolve('cookie')])(
    'go nowhere where the application says %s',
    (answer) =>
      expect(() => choose((() => answer) as unknown as Method)).toThrow(
        /^tokenTransferMethod gave .+; expected 'any', 'cookie' or 'header'$/,
      ),
  );
});
