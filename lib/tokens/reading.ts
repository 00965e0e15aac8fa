/** The result of reading a text with the known keys. `foreign`: it does not even have the form of our tokens. */
export type Reading<T> = { readonly token: T } | 'foreign' | 'forged' | 'unknown-key';
