import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { typeErrorsIn } from './type-errors.js';

const ROOT = join(import.meta.dirname, '../..');

/** The TypeScript files that a document shows: blocks whose first line is a comment with the file's name. */
export class DocFiles {
  private readonly folder: string;
  private readonly files: ReadonlyMap<string, string>;

  /** @param more files that the document leaves to the reader */
  constructor(document: string, more: Readonly<Record<string, string>> = {}) {
    const text = readFileSync(join(ROOT, 'docs', document), 'utf8');
    const shown = [...text.matchAll(/^```ts\n\/\/ (\S+\.ts)\n([^]*?)^```$/gm)];
    this.folder = join(ROOT, 'test/artifacts', document.replace(/\.md$/, ''));
    this.files = new Map([
      ...shown.map(([, name = '', code = '']) => [name, code] as const),
      ...Object.entries(more),
    ]);
  }

  get names(): string[] {
    return [...this.files.keys()];
  }

  /** A file as the document shows it. */
  text(name: string): string {
    return this.files.get(name) ?? '';
  }

  write(): void {
    mkdirSync(this.folder, { recursive: true });
    for (const [name, code] of this.files) {
      const here = code
        .replaceAll(/'nestjs-auth-sessions\/(\w+)'/g, "'../../../lib/$1/index.js'")
        .replaceAll("'nestjs-auth-sessions'", "'../../../lib/index.js'")
        .replaceAll(/'nestjs-auth-sessions\/(\w+)'/g, "'../../../lib/$1/index.js'")
        .replaceAll("'app.sqlite'", "':memory:'");
      writeFileSync(join(this.folder, name), here);
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What a file exports. */
  async load<T>(name: string): Promise<T> {
    return (await import(join(this.folder, name))) as T;
  }

  /** What the compiler finds in all files together, as strict as our own code is read. */
  problems(): string {
    return typeErrorsIn(this.names.map((name) => join(this.folder, name)));
  }
}
