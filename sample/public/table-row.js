import { element } from './elements.js';

/** A line of a table: a name, what it means, and its value. */
export function tableRow(name, value, meaning) {
  const isEmpty = value === null || value === '';
  const shown = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return element(
    'tr',
    {},
    element(
      'th',
      { scope: 'row' },
      element('code', {}, name),
      ...(meaning === undefined ? [] : [element('small', {}, meaning)]),
    ),
    element('td', isEmpty ? { class: 'empty' } : {}, shown),
  );
}
