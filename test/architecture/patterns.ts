import { readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { filesIn, ROOT } from './sources.js';

/** A regular expression as it stands in a source. */
export interface Pattern {
  /** `src/kernel/origin.ts:3` */
  readonly at: string;
  readonly source: string;
  readonly flags: string;
}

/** Every regular expression that is written down in `src/`, and where one is put together at run time. */
export function allPatterns(): { readonly patterns: Pattern[]; readonly computed: string[] } {
  const patterns: Pattern[] = [];
  const computed: string[] = [];
  for (const file of filesIn('src', '.ts')) {
    const source = ts.createSourceFile(file, readFileSync(path.join(ROOT, file), 'utf8'), ts.ScriptTarget.Latest, true);
    const visit = (node: ts.Node): void => {
      const at = () => `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
      if (ts.isRegularExpressionLiteral(node)) {
        const [, body = '', flags = ''] = /^\/(.*)\/([a-z]*)$/s.exec(node.text) ?? [];
        patterns.push({ at: at(), source: body, flags });
      }
      const isMade = ts.isNewExpression(node) || ts.isCallExpression(node);
      if (isMade && node.expression.getText() === 'RegExp') computed.push(at());
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return { patterns, computed };
}
