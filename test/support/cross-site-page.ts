import type { BrowserContext, Page } from 'playwright-core';
import { vi } from 'vitest';
import { FrontServer } from './front-server.js';

const PATIENCE = { timeout: 10_000, interval: 5 };

/** The types of content that a form of another site can have. */
export const FORM_TYPES = [
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  'text/plain',
] as const;

/** What a form, or a script, of another site says. */
export type Fields = Readonly<Record<string, string>>;

/** How a page sends a POST to another site. */
export interface Way {
  /** Whether it takes the visitor there, as the address bar shows. */
  readonly isTopLevel: boolean;
  /** A script for the page. Ends once the page has an answer, or is never told of one. */
  script(url: string, fields: Fields): string;
}

/** All that a browser lets a page do without asking the other site first. */
export const WAYS: Readonly<Record<string, Way>> = {
  ...Object.fromEntries(
    FORM_TYPES.flatMap((type) => [
      [`a form of ${type}`, { isTopLevel: true, script: formOf(type, '_top') }],
      [`a form of ${type} in a frame`, { isTopLevel: false, script: formOf(type, 'frame') }],
    ]),
  ),
  'a form in a new window': { isTopLevel: true, script: formOf(FORM_TYPES[0], '_blank') },
  'a form in a sandbox': {
    isTopLevel: false,
    script: (url, fields) => {
      const form = `<form method="post" action="${url}">${inputs(fields)}</form>`;
      const page = `${form}<script>document.forms[0].submit()</script>`;
      return inFrame(`frame.sandbox = 'allow-forms allow-scripts'; frame.srcdoc = ${text(page)};`);
    },
  },
  'fetch without CORS': {
    isTopLevel: false,
    script: (url, fields) =>
      `fetch(${text(url)}, { method: 'POST', mode: 'no-cors', credentials: 'include',
        body: ${text(JSON.stringify(fields))} }).then(() => undefined)`,
  },
  'fetch that reads no answer': {
    isTopLevel: false,
    script: (url, fields) =>
      `fetch(${text(url)}, { method: 'POST', credentials: 'include',
        body: new URLSearchParams(${text(fields)}) }).then(() => undefined, () => undefined)`,
  },
  'a beacon': {
    isTopLevel: false,
    script: (url, fields) =>
      `void navigator.sendBeacon(${text(url)}, new URLSearchParams(${text(fields)}))`,
  },
  'a beacon of text': {
    isTopLevel: false,
    script: (url, fields) =>
      `void navigator.sendBeacon(${text(url)}, ${text(JSON.stringify(fields))})`,
  },
};

/** A site that its visitor has not asked to do anything. */
export class CrossSitePage {
  /** Stays open for every way that does not lead its visitor elsewhere: a new tab costs more than the attack. */
  private stage: Page | undefined;

  private constructor(
    private readonly front: FrontServer,
    /** Another host than `localhost`, and so another site. */
    readonly url: string,
  ) {}

  static async start(): Promise<CrossSitePage> {
    const front = await FrontServer.start();
    front.serve('/', 'text/html', '<!doctype html><title>Another site</title><body>');
    return new CrossSitePage(front, `${front.origin('127.0.0.1')}/`);
  }

  stop(): Promise<void> {
    return this.front.stop();
  }

  /** Sends a POST from the page, and waits until the browser shows the answer if it is to be shown. */
  async send(context: BrowserContext, way: Way, url: string, fields: Fields): Promise<void> {
    const before = context.pages();
    const tab = await this.tabFor(context, way);
    // A navigation may take the page away before its script has ended.
    await tab.evaluate(way.script(url, fields)).catch((error: unknown) => {
      if (!String(error).includes('context was destroyed')) throw error;
    });
    if (!way.isTopLevel) return;
    const opened = () => context.pages().filter((page) => !before.includes(page));
    await vi.waitFor(() => {
      if (!opened().some((page) => page.url() === url)) throw new Error(`no tab shows ${url}`);
    }, PATIENCE);
    for (const page of opened()) await page.close();
  }

  private async tabFor(context: BrowserContext, way: Way): Promise<Page> {
    if (!way.isTopLevel && this.stage?.isClosed() === false) return this.stage;
    const tab = await context.newPage();
    await tab.goto(this.url);
    if (!way.isTopLevel) this.stage = tab;
    return tab;
  }
}

function formOf(type: string, target: string): Way['script'] {
  return (url, fields) => {
    const submit = `
      const form = document.createElement('form');
      Object.assign(form, { method: 'post', action: ${text(url)}, enctype: ${text(type)}, target: ${text(target)} });
      form.innerHTML = ${text(inputs(fields))};
      document.body.append(form);
      form.submit();`;
    return target === 'frame' ? inFrame(`frame.name = 'frame';`, submit) : `{ ${submit} }`;
  };
}

/** Ends when the frame has loaded something. */
function inFrame(prepare: string, afterwards = ''): string {
  return `new Promise((resolve) => {
    document.querySelector('iframe')?.remove();
    const frame = document.createElement('iframe');
    ${prepare}
    document.body.append(frame);
    ${afterwards}
    frame.onload = () => resolve();
  })`;
}

function inputs(fields: Fields): string {
  return Object.entries(fields)
    .map(([name, value]) => `<input name="${name}" value="${value}">`)
    .join('');
}

// For a script; what would end it is not in it.
function text(value: unknown): string {
  return JSON.stringify(value).replaceAll('</', '<\\/');
}
