import ts from 'typescript';

/** Turns a TypeScript file into JavaScript for browsers, without its comments. Its imports stay as they are. */
export function plainModule(source) {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      removeComments: true,
    },
  });
  // Indentation is a quarter of the size.
  return outputText.replaceAll(/^ +/gm, '');
}
