import { call } from './api.js';
import { showBar } from './bar.js';
import { byId, element } from './elements.js';
import { KeyNames } from './play/key-names.js';
import { scenarios } from './play/scenarios.js';
import { Stage } from './play/stage.js';

// Covers a clock that ticks late, and the delay until the server has noted that a key was used.
const MARGIN_MS = 1000;

const { body: timing } = await call('GET', '/demo/theft/timing');
const plays = scenarios(timing.gracePeriodMs);
let stage;
let names;

byId('plays').replaceChildren(
  ...plays.map((play, index) => {
    const choice = element('input', { type: 'radio', name: 'play', value: String(index) });
    choice.addEventListener('change', () => begin(play));
    return element(
      'label',
      {},
      choice,
      element('span', {}, element('strong', {}, play.name), element('small', {}, play.text)),
    );
  }),
);
byId('again').addEventListener('click', () => {
  begin(plays[Number(chosen())]);
  byId('steps').querySelector('h2').focus();
});

document.querySelector('input[name="play"]').checked = true;
begin(plays[0]);
byId('page').hidden = false;

function chosen() {
  return document.querySelector('input[name="play"]:checked').value;
}

function begin(play) {
  stage?.close();
  stage = new Stage();
  names = new KeyNames();
  showDevice('here', 'Not logged in');
  showDevice('there', 'Has nothing yet');
  byId('end').hidden = true;
  byId('steps').replaceChildren();
  showBar();
  showStep(play, 0);
}

function showStep(play, index) {
  const step = play.steps[index];
  const button = element('button', { class: 'primary', type: 'button' }, step.button);
  const wait = element('div', { class: 'wait', hidden: '' }, element('i'));
  const seen = element('ul', { class: 'seen', role: 'status' });
  const item = element(
    'li',
    { class: 'step' },
    element('span', { class: 'number', 'aria-hidden': 'true' }, String(index + 1)),
    element(
      'div',
      {},
      element('p', { class: 'eyebrow' }, `Step ${index + 1} of ${play.steps.length}`),
      element('h2', { tabindex: '-1' }, step.title),
      element('p', {}, step.text),
      button,
      wait,
      seen,
    ),
  );
  byId('steps').append(item);
  const playedOn = stage;
  button.addEventListener('click', async () => {
    button.disabled = true;
    await waitFor(step.waitMs, wait);
    const observations = await step.act(stage);
    if (playedOn !== stage) return;
    item.classList.add('done');
    button.remove();
    for (const observation of observations) seen.append(observe(observation));
    showBar();
    if (index + 1 < play.steps.length) showStep(play, index + 1);
    else byId('end').hidden = play.isFoundOut === false;
    const next = item.nextElementSibling?.querySelector('h2') ?? byId('end-title');
    next.focus({ preventScroll: true });
    next.closest('li, section').scrollIntoView({ block: 'nearest', behavior: 'smooth' });
  });
}

async function waitFor(waitMs, bar) {
  if (waitMs === undefined) return;
  bar.hidden = false;
  bar.firstElementChild.style.animationDuration = `${waitMs + MARGIN_MS}ms`;
  await new Promise((resolve) => {
    setTimeout(resolve, waitMs + MARGIN_MS);
  });
}

function observe({ who, text, answer }) {
  const { hash, name, status, message } = answer;
  const isRefused = status >= 400;
  if (isRefused) showDevice(who, 'Out', { isOut: true });
  else if (hash !== undefined) showDevice(who, undefined, { key: names.keyFor(hash) });
  if (name !== undefined) showDevice(who, `Logged in as ${name}`);
  else if (who === 'there' && hash !== undefined && !isRefused)
    showDevice(who, 'Holds a working key');
  const outcome = isRefused ? `${status} · ${message}` : name && `200 · “Hello, ${name}”`;
  return element(
    'li',
    { class: isRefused ? `${who} refused` : who },
    element('strong', {}, who === 'here' ? 'Your browser' : 'Another machine'),
    element('span', {}, `${text} `, ...(hash === undefined ? [] : [keyChip(names.keyFor(hash))])),
    ...(outcome === undefined ? [] : [element('code', {}, outcome)]),
  );
}

function showDevice(who, words, { key, isOut = false } = {}) {
  const device = byId(who);
  if (words !== undefined) device.querySelector('.words').textContent = words;
  device.classList.toggle('out', isOut);
  if (key !== undefined) device.querySelector('.held').replaceChildren(keyChip(key));
  else if (words === 'Not logged in' || words === 'Has nothing yet') {
    device.querySelector('.held').replaceChildren();
  }
}

function keyChip({ name, number, hash }) {
  return element('span', { class: `key key-${number}`, title: `SHA-256 ${hash}` }, name);
}
