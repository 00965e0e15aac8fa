const LETTERS = 'ABCDEFGH';

/** Gives refresh tokens short names, in order of appearance. Their hashes tell them apart. */
export class KeyNames {
  #hashes = [];

  keyFor(hash) {
    if (!this.#hashes.includes(hash)) this.#hashes.push(hash);
    const number = this.#hashes.indexOf(hash);
    return { name: `Key ${LETTERS[number] ?? number}`, number, hash };
  }
}
