import { element } from './elements.js';
import { entries, onEntry } from './journal.js';
import { timeOfDay } from './time.js';

/** Shows the journal in a list, the newest entry on top, and keeps it up to date. */
export function showJournal(list) {
  list.replaceChildren(...entries().toReversed().map(line));
  onEntry((entry) => list.prepend(line(entry)));
}

function line(entry) {
  const isFailure = entry.kind === 'request' && !(entry.status < 400);
  return element(
    'li',
    { class: entry.kind },
    element('time', {}, timeOfDay(entry.atMs)),
    ...(entry.kind === 'event'
      ? [element('code', { class: 'what' }, entry.action), element('span', {}, entry.text)]
      : [
          element('code', { class: 'what' }, `${entry.method} ${entry.path}`),
          element(
            'span',
            { class: isFailure ? 'status bad' : 'status' },
            [entry.status, entry.message].filter((part) => part !== undefined).join(' · '),
          ),
        ]),
  );
}
