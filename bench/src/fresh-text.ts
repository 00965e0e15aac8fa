/**
 * Texts as a socket brings them: kept as bytes, and a string of its own for each use, which has no hash yet and is the
 * same object as no key of any map.
 */
export class FreshTexts {
  private readonly texts: readonly Buffer[];
  private turn = 0;

  constructor(texts: readonly string[]) {
    this.texts = texts.map((text) => Buffer.from(text, 'latin1'));
  }

  /** The next one in turn. */
  next(): string {
    this.turn = (this.turn + 1) % this.texts.length;
    return this.texts[this.turn]?.toString('latin1') ?? '';
  }
}
