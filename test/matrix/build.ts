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
  if (bundle !== undefined) await run('node', `bundlers/${bundle.by}.cjs`, bundle.ours);
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

/** The configuration of `npx tsc`, in the application of a cell that has one of its own. */
export function configurationOfCompiler({ compiler }: Cell): object | undefined {
  if (compiler !== 'node10') return undefined;
  return {
    extends: './tsconfig.json',
    compilerOptions: {
      module: 'commonjs',
      moduleResolution: 'node10',
      resolvePackageJsonExports: false,
    },
    exclude: ['node_modules', 'test', 'dist', '**/*spec.ts'],
  };
}
