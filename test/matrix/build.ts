import type { Cell } from './cell.js';

type Run = (command: string, ...args: string[]) => Promise<void>;

const BUNDLE = 'bundle/main.cjs';

/** From sources to what `node` starts, by the cell's own tools. */
export async function compile({ compiler, bundle, untouched }: Cell, run: Run): Promise<void> {
  if (untouched === true) await run('npm', 'run', 'build');
  else if (compiler === 'swc')
    await run('npx', 'nest', 'build', '--builder', 'swc', '--type-check');
  else await run('npx', 'tsc', '-p', 'tsconfig.build.json');
  // Decorators need the types that only the TypeScript compiler knows: bundlers get what it wrote.
  if (bundle !== undefined) await run('node', 'bundle.cjs');
}

/** What `node` starts. */
export function program({ bundle }: Cell): string {
  return bundle === undefined ? 'dist/main.js' : BUNDLE;
}

/** The development dependencies that a compiler or bundler needs. */
export function toolsOfCompiler({ cli, compiler, bundle }: Cell): Record<string, string> {
  if (compiler === 'swc') {
    return { '@nestjs/cli': cli, '@swc/cli': '*', '@swc/core': '1' };
  }
  if (bundle?.by === 'webpack') return { webpack: '5' };
  return bundle?.by === 'esbuild' ? { esbuild: '*' } : {};
}

/** The files by which a compiler or bundler is told what to do. */
export function filesOfCompiler({ compiler, bundle }: Cell): Record<string, string> {
  if (compiler === 'node10') {
    const options = {
      module: 'commonjs',
      moduleResolution: 'node10',
      resolvePackageJsonExports: false,
    };
    const exclude = ['node_modules', 'test', 'dist', '**/*spec.ts'];
    return {
      'tsconfig.build.json': JSON.stringify({
        extends: './tsconfig.json',
        compilerOptions: options,
        exclude,
      }),
    };
  }
  return bundle === undefined ? {} : { 'bundle.cjs': SCRIPTS[bundle.by](bundle.ours) };
}

/** Inside goes what the application has, but for drivers; what an application may leave out stays a `require`. */
const EXTERNAL = `
const { join } = require('node:path');
const DRIVERS = ['sql.js', 'pg', 'mysql2'];
function isOutside(name, ours) {
  if (/^[./]/.test(name)) return false;
  if (ours === 'outside' || DRIVERS.includes(name)) return true;
  try { return !require.resolve(name, { paths: [join(__dirname, 'dist'), __dirname + '/node_modules/typeorm'] }); } catch { return true; }
}
`;

const SCRIPTS = {
  webpack: (ours: string) => `${EXTERNAL}
const webpack = require('webpack');
webpack({
  mode: 'production',
  optimization: { minimize: false },
  target: 'node',
  entry: './dist/main.js',
  output: { path: join(__dirname, 'bundle'), filename: 'main.cjs' },
  // @nestjs/terminus has a `require` of whatever its folder holds.
  plugins: [new webpack.IgnorePlugin({ resourceRegExp: /\\.(map|d\\.ts)$/ })],
  externals: ({ request }, done) => isOutside(request, '${ours}') ? done(null, 'commonjs ' + request) : done(),
}, (error, stats) => {
  if (!error && !stats.hasErrors()) return;
  console.error(error ?? stats.toString());
  process.exitCode = 1;
});
`,
  esbuild: (ours: string) => `${EXTERNAL}
require('esbuild').build({
  entryPoints: ['dist/main.js'],
  outfile: 'bundle/main.cjs',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  plugins: [{ name: 'outside', setup: (build) => build.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
    kind !== 'entry-point' && isOutside(path, '${ours}') ? { path, external: true } : undefined) }],
});
`,
};
