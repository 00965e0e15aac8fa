// Makes the pictures of the README from the sample, which is started as the README says, and the diagram beside them.
// Chromium is needed: at /usr/bin/chromium, or where TEST_CHROMIUM says.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { sequenceDiagram } from './sequence-diagram.mjs';

const ROOT = join(import.meta.dirname, '..');
const PICTURES = join(ROOT, 'docs/pictures');
const MAX_BYTES = 120_000;
const MARGIN = 20;

const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1';
const WORK = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const HOME =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

// Gradients and shadows make a picture three times as large.
const PLAIN =
  'body { background: var(--paper) } * { box-shadow: none !important } .theft .devices { position: static; margin: 0; padding: 0 } .plays { visibility: hidden }';

await mkdir(PICTURES, { recursive: true });
await writeFile(join(PICTURES, 'sequence.svg'), sequenceDiagram());

const folder = await mkdtemp(join(tmpdir(), 'pictures-'));
const sample = spawn('npm', ['start'], {
  cwd: ROOT,
  // A group of its own: npm does not pass signals on to what it has started.
  detached: true,
  env: { ...process.env, PORT: '0', SAMPLE_DATABASE: join(folder, 'sample.sqlite') },
  stdio: ['ignore', 'pipe', 'inherit'],
});
let browser;
try {
  const url = await addressOf(sample);
  browser = await chromium.launch({
    executablePath: process.env.TEST_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  await pictureOfDevices(url);
  await pictureOfTheft(url);
} finally {
  await browser?.close();
  if (sample.exitCode === null && sample.pid !== undefined) process.kill(-sample.pid);
  await rm(folder, { recursive: true, force: true });
}

/** Where one user is logged in, with three browsers. */
async function pictureOfDevices(url) {
  for (const userAgent of [PHONE, WORK]) await logIn(url, userAgent);
  const page = await logIn(url, HOME);
  await page.goto(`${url}/devices`);
  await page.locator('#list li').nth(2).waitFor();
  await crop(page, 'devices', [page.locator('main article')]);
}

/** The last steps of a theft, played to its end. */
async function pictureOfTheft(url) {
  const page = await open(HOME);
  await page.goto(`${url}/theft`);
  await page.getByRole('radio', { name: 'The thief is first' }).check();
  const steps = page.locator('#steps > li');
  for (let step = 0; step < 6; step += 1) {
    const button = steps.nth(step).getByRole('button');
    await button.click();
    await button.waitFor({ state: 'detached' });
  }
  await page.getByRole('heading', { name: 'Found out.' }).waitFor();
  await steps.evaluateAll((all) => all.slice(0, -2).forEach((step) => step.remove()));
  await crop(page, 'theft', [page.locator('.devices'), page.locator('#steps')]);
}

async function logIn(url, userAgent) {
  const page = await open(userAgent);
  await page.goto(url);
  await page.getByLabel('E-mail').first().fill('ada@example.com');
  await page.getByLabel('Password').first().fill('analytical-engine');
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await page.getByRole('heading', { name: 'Hello, Ada Lovelace.' }).waitFor();
  return page;
}

async function open(userAgent) {
  const context = await browser.newContext({
    userAgent,
    viewport: { width: 900, height: 900 },
    deviceScaleFactor: 1.25,
    colorScheme: 'light',
    reducedMotion: 'reduce',
    // The sample's policy allows no style of ours.
    bypassCSP: true,
  });
  return context.newPage();
}

/** Takes a picture from the top of the first element to the bottom of the last one. */
async function crop(page, name, elements) {
  await page.addStyleTag({ content: PLAIN });
  await page.evaluate(() => globalThis.scrollTo(0, 0));
  const boxes = await Promise.all(elements.map((element) => element.boundingBox()));
  const left = Math.min(...boxes.map(({ x }) => x)) - MARGIN;
  const top = Math.min(...boxes.map(({ y }) => y)) - MARGIN;
  const right = Math.max(...boxes.map(({ x, width }) => x + width)) + MARGIN;
  const bottom = Math.max(...boxes.map(({ y, height }) => y + height)) + MARGIN;
  const path = join(PICTURES, `${name}.png`);
  const clip = { x: left, y: top, width: right - left, height: bottom - top };
  await page.screenshot({ path, clip, fullPage: true });
  const { size } = await stat(path);
  if (size > MAX_BYTES) throw new Error(`${name}.png has ${size} bytes, more than ${MAX_BYTES}`);
  console.log(`${name}.png: ${size} bytes`);
}

/** The address that the sample prints. */
function addressOf(child) {
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
      const [address] = /http:\/\/[\w.:]+/.exec(output) ?? [];
      if (address !== undefined) resolve(address);
    });
    child.once('exit', (code) => reject(new Error(`the sample ended with ${code}:\n${output}`)));
  });
}
