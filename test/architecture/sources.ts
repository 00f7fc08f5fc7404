/** The product's sources, as text, and what they import. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../../lambdas');

export interface Source {
  /** Below `lambdas/`, with slashes. */
  readonly path: string;
  /** Without comments. */
  readonly code: string;
  readonly lines: number;
  /** Files as paths below `lambdas/`, packages and `node:` modules as written. */
  readonly imports: readonly string[];
}

export function sources(root = ROOT): Source[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => path.split(sep).join('/'))
    .sort()
    .map((path) => toSource(path, readFileSync(join(root, path), 'utf8')));
}

export function toSource(path: string, text: string): Source {
  const code = withoutComments(text);
  return {
    path,
    code,
    lines: text.trimEnd().split('\n').length,
    imports: specifiers(code).map((specifier) => resolved(path, specifier)),
  };
}

/** `import` and `export … from` with and without types, for side effects, and at run time. */
function specifiers(code: string): string[] {
  const patterns = [
    /\b(?:import|export)\b[^'"`;()]*?\bfrom\s*(['"])([^'"]+)\1/g,
    /\bimport\s*(['"])([^'"]+)\1/g,
    /\b(?:import|require)\s*\(\s*(['"`])([^'"`]+)\1/g,
  ];
  return patterns.flatMap((pattern) =>
    Array.from(code.matchAll(pattern), ([, , specifier = '']) => specifier),
  );
}

function resolved(from: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  return relative(ROOT, resolve(ROOT, dirname(from), specifier))
    .split(sep)
    .join('/');
}

/** Comments go, strings stay: a pattern of a regular expression may hold `//`, but not behind a space or at a start. */
function withoutComments(text: string): string {
  return text.replace(
    /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|(^|\s)\/\/[^\n]*/g,
    (_, string: string | undefined, before: string | undefined) => string ?? before ?? '',
  );
}
