const LETTERS = 'ABCDEFGH';

/** Gives refresh tokens short names, in the order in which they appear. They are told apart by their hash. */
export class KeyNames {
  #hashes = [];

  keyFor(hash) {
    if (!this.#hashes.includes(hash)) this.#hashes.push(hash);
    const number = this.#hashes.indexOf(hash);
    return { name: `Key ${LETTERS[number] ?? number}`, number, hash };
  }
}
