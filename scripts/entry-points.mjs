/** The entry points of the package: the name that applications import, and its file in lib/ without the ending. */
export const ENTRY_POINTS = [
  { name: '.', source: 'index' },
  { name: './testing', source: 'testing/index' },
  { name: './migrations', source: 'migrations' },
  { name: './terminus', source: 'terminus/index' },
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
      './package.json': './package.json',
    },
  };
}
