interface Path {
  readonly node: { readonly type: string };
  readonly parent?: { readonly type: string; readonly callee?: { readonly name?: string } };
}

/** Leaves the wording of errors alone: strings and templates among the arguments of `new …Error(…)`. */
const ignorer = {
  shouldIgnore({ node, parent }: Path): string | undefined {
    const isText = node.type === 'StringLiteral' || node.type === 'TemplateLiteral';
    const isOfError = parent?.type === 'NewExpression' && parent.callee?.name?.endsWith('Error') === true;
    return isText && isOfError ? 'the wording of an error' : undefined;
  },
};

export const strykerPlugins = [{ kind: 'Ignore', name: 'error-texts', value: ignorer }];
