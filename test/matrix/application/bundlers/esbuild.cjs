const { build } = require('esbuild');
const isOutside = require('./outside.cjs');

const [ours] = process.argv.slice(2);

const outside = {
  name: 'outside',
  setup: (bundler) =>
    bundler.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind !== 'entry-point' && isOutside(path, ours) ? { path, external: true } : undefined,
    ),
};

void build({
  entryPoints: ['dist/main.js'],
  outfile: 'bundle/main.cjs',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  plugins: [outside],
});
