import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

interface Link {
  readonly from: string;
  /** The file, from the root of the repository. */
  readonly path: string;
  readonly anchor: string | undefined;
}

function read(path: string): string {
  // A link in code is no link.
  return readFileSync(join(ROOT, path), 'utf8').replaceAll(/^```[^]*?^```$/gm, '');
}

/** The links of a page that lead to files of the repository. */
function linksOf(page: string): Link[] {
  const inline = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)];
  const named = [...read(page).matchAll(/^\[[^\]]+\]: (\S+)$/gm)];
  return [...inline, ...named]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file = '', anchor] = target.split('#');
      const path = file === '' ? page : relative(ROOT, join(ROOT, dirname(page), file));
      return { from: page, path, anchor };
    });
}

/** The anchors of a page's titles, as GitHub makes them. */
function anchorsOf(page: string): string[] {
  const titles = [...read(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, title = '']) => title);
  return titles.map((title) =>
    title
      .replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

const links = PAGES.flatMap(linksOf);

describe('the pages', () => {
  it('link to files that are there', () => {
    expect(links.length).toBeGreaterThan(100);
    expect(links.filter(({ path }) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it('link to titles that are there', () => {
    const anchored = links.filter(
      ({ path, anchor }) => anchor !== undefined && path.endsWith('.md'),
    );
    expect(anchored.length).toBeGreaterThan(20);
    expect(anchored.filter(({ path, anchor = '' }) => !anchorsOf(path).includes(anchor))).toEqual(
      [],
    );
  });

  it('have the titles that findings of `inspectSessions` link to', () => {
    const code = readFileSync(join(ROOT, 'lib/inspection/inspect-sessions.ts'), 'utf8');
    const linked = [...code.matchAll(/'([\w-]+\.md)#([\w-]+)'/g)];
    expect(linked.length).toBeGreaterThan(10);
    expect(
      linked.filter(([, page = '', anchor = '']) => !anchorsOf(`docs/${page}`).includes(anchor)),
    ).toEqual([]);
  });

  it('are all in the index, each once', () => {
    const index = linksOf('docs/README.md').map(({ path }) => path);
    const files = readdirSync(join(ROOT, 'docs'), { withFileTypes: true })
      .filter((each) => each.isFile() && each.name !== 'README.md')
      .map(({ name }) => `docs/${name}`);
    expect(index.filter((path) => path.startsWith('docs/')).toSorted()).toEqual(files.toSorted());
  });

  it('begin with a title, and those of docs/ with what they are for', () => {
    const others = PAGES.filter((page) => {
      const [title = '', ...text] = readFileSync(join(ROOT, page), 'utf8').split('\n\n');
      const isNamed = !page.startsWith('docs/') || text[0]?.includes('This page');
      return !/^# .+$/.test(title) || isNamed !== true;
    });
    expect(others).toEqual([]);
  });
});
