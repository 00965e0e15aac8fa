import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const DOCS = join(import.meta.dirname, '../../docs');

/**
 * The block of code in a document whose first line is a comment with this name: what readers copy is what tests run.
 *
 * @throws {Error} where there is none
 */
export function codeInDocs(document: string, name: string): string {
  const text = readFileSync(join(DOCS, document), 'utf8');
  const blocks = [...text.matchAll(/^```\w+\n(?<code>[^]*?)^```$/gm)];
  const code = blocks.map(({ groups }) => groups?.['code'] ?? '');
  const found = code.find((each) => each.startsWith(`// ${name}\n`));
  if (found === undefined) throw new Error(`no code named ${name} in docs/${document}`);
  return found;
}

/** The lines of the nginx configuration in a document, without its target: what readers copy is what tests run. */
export function nginxInDocs(document: string): {
  ofHttp: string[];
  ofServer: string[];
  ofLocation: string[];
} {
  const text = readFileSync(join(DOCS, document), 'utf8');
  const [, code = ''] = /^```nginx\n([^]*?)^```$/m.exec(text) ?? [];
  const [ofHttp = '', ofServer = '', ofLocation = ''] = code.split(/^ *(?:server|location) .*$/m);
  const directives = (part: string): string[] =>
    part
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line.endsWith(';') && !line.startsWith('proxy_pass'));
  return {
    // A `map` is a block, so nothing is left out.
    ofHttp: ofHttp.split('\n').filter((line) => line !== ''),
    ofServer: directives(ofServer),
    ofLocation: directives(ofLocation),
  };
}
