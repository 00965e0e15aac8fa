import type { BrowserContext, Page } from 'playwright-core';

export interface Called {
  readonly status: number;
  readonly text: string;
  readonly json: unknown;
}

export interface CallOptions {
  body?: unknown;
  headers?: Record<string, string>;
}

export interface SdkPageOptions {
  /** What the SDK asks for at login. @default 'cookie' */
  transferMethod?: 'cookie' | 'header';
  /** @default 'fetch' */
  by?: 'fetch' | 'XMLHttpRequest';
  /** How far the browser's clock is ahead, or behind. */
  clockOffsetMs?: number;
}

/** A page with SuperTokens' browser SDK, started, in a tab of its own. */
export class SdkPage {
  private constructor(
    readonly tab: Page,
    private readonly caller: 'callByFetch' | 'callByXhr',
  ) {}

  static async open(
    context: BrowserContext,
    { pageUrl, apiUrl }: { pageUrl: string; apiUrl: string },
    options: SdkPageOptions = {},
  ): Promise<SdkPage> {
    const { transferMethod = 'cookie', by = 'fetch', clockOffsetMs = 0 } = options;
    const tab = await context.newPage();
    if (clockOffsetMs !== 0) {
      await tab.addInitScript(
        `{ const now = Date.now; Date.now = () => now.call(Date) + ${clockOffsetMs}; }`,
      );
    }
    await tab.goto(`${pageUrl}/sdk.html`);
    const page = new SdkPage(tab, by === 'fetch' ? 'callByFetch' : 'callByXhr');
    await page.run('start', { apiDomain: apiUrl, tokenTransferMethod: transferMethod });
    return page;
  }

  /** A request of the application's own, which the SDK intercepts. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Called> {
    return withJson(await this.run(this.caller, method, path, options));
  }

  /** The same request many times at once. */
  async callAtOnce(count: number, method: string, path: string): Promise<Called[]> {
    const call = `${this.caller}(${JSON.stringify(method)}, ${JSON.stringify(path)})`;
    const answers: unknown = await this.tab.evaluate(`times(${count}, () => ${call})`);
    return (answers as Called[]).map(withJson);
  }

  login(userId: string, payload: object = {}): Promise<Called> {
    return this.call('POST', '/login', { body: { userId, payload } });
  }

  doesSessionExist(): Promise<unknown> {
    return this.run('supertokens.doesSessionExist');
  }

  payload(): Promise<Record<string, unknown>> {
    return this.run('supertokens.getAccessTokenPayloadSecurely');
  }

  refresh(): Promise<unknown> {
    return this.run('supertokens.attemptRefreshingSession');
  }

  signOut(): Promise<unknown> {
    return this.run('supertokens.signOut');
  }

  /** The SDK's events since they were last asked for, by their actions. */
  async events(): Promise<string[]> {
    return (await this.eventsInFull()).map(({ action }) => action);
  }

  async eventsInFull(): Promise<{ action: string; [detail: string]: unknown }[]> {
    return this.tab.evaluate('events.splice(0)');
  }

  /** Every cookie of the browser, also those that no script can read: their names in alphabetical order. */
  async cookieNames(): Promise<string[]> {
    return (await this.tab.context().cookies()).map(({ name }) => name).sort();
  }

  async cookie(name: string): Promise<string | undefined> {
    return (await this.tab.context().cookies()).find((each) => each.name === name)?.value;
  }

  /** Calls a function of the page. */
  async run<T>(name: string, ...parameters: unknown[]): Promise<T> {
    const list = parameters.map((each) => JSON.stringify(each) ?? 'undefined').join(', ');
    return this.tab.evaluate<T>(`${name}(${list})`);
  }
}

function withJson({ status, text }: { status: number; text: string }): Called {
  try {
    return { status, text, json: JSON.parse(text) };
  } catch {
    return { status, text, json: undefined };
  }
}
