import { join } from 'node:path';
import ts from 'typescript';

const ROOT = join(import.meta.dirname, '../..');
// What documents import, parsed once in a worker: Nest, TypeORM and our own code.
const parsed = new Map<string, ts.SourceFile | undefined>();

/** What the compiler finds in some files, as strict as our own code is read. What they import is not examined. */
export function typeErrorsIn(paths: readonly string[]): string {
  const options = ourOptions();
  const host = ts.createCompilerHost(options);
  const program = ts.createProgram([...paths], options, {
    ...host,
    getSourceFile(path, ...rest) {
      if (paths.includes(path)) return host.getSourceFile(path, ...rest);
      if (!parsed.has(path)) parsed.set(path, host.getSourceFile(path, ...rest));
      return parsed.get(path);
    },
  });
  const found = paths.flatMap((path) => {
    const file = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
  });
  const general = [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics()];
  return ts.formatDiagnostics([...general, ...found], host);
}

function ourOptions(): ts.CompilerOptions {
  const read = (path: string): string | undefined => ts.sys.readFile(path);
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), read) as { config: object };
  return ts.parseJsonConfigFileContent(config, ts.sys, ROOT).options;
}
