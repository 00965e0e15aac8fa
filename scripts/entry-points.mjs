/**
 * The entry points of the package: the name that applications import, and its file in lib/ without the extension. A
 * `plain` entry imports nothing but files of its own folder. Its ESM entry is the code itself, for browsers and bundlers,
 * instead of a way to the CommonJS twin.
 */
export const ENTRY_POINTS = [
  { name: '.', source: 'index' },
  { name: './testing', source: 'testing/index' },
  { name: './migrations', source: 'migrations' },
  { name: './terminus', source: 'terminus/index' },
  { name: './verifier', source: 'verifier/index' },
  { name: './swagger', source: 'swagger/index' },
  { name: './opentelemetry', source: 'opentelemetry/index' },
  { name: './client', source: 'client/index', plain: true },
  { name: './server', source: 'server/index', plain: true },
];

/** The fields of package.json that follow from the list. */
export function manifestFields() {
  return {
    main: './dist/index.js',
    types: './dist/index.d.ts',
    // For `moduleResolution: node10`, which does not read `exports`.
    typesVersions: {
      '*': Object.fromEntries(
        ENTRY_POINTS.filter(({ name }) => name !== '.').map(({ name, source }) => [
          name.slice('./'.length),
          [`./dist/${source}.d.ts`],
        ]),
      ),
    },
    exports: {
      ...Object.fromEntries(
        ENTRY_POINTS.map(({ name, source }) => [
          name,
          {
            import: { types: `./dist/${source}.d.mts`, default: `./dist/${source}.mjs` },
            require: { types: `./dist/${source}.d.ts`, default: `./dist/${source}.js` },
          },
        ]),
      ),
      // For programs to read.
      './docs/revocations-openapi.json': './docs/revocations-openapi.json',
      './package.json': './package.json',
    },
  };
}
