/** `AL` for Ada Lovelace. */
export function initialsOf(name) {
  return name
    .split(' ')
    .map((part) => part[0])
    .join('');
}
