import { type Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';

/** Something that a role may do. */
export interface Permission {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Why resources with a `*` cannot be named one by one. */
  readonly because?: string;
}

type Limits = Pick<Permission, 'conditions' | 'because'>;

export const allow = (
  actions: readonly string[],
  resources: readonly string[],
  limits: Limits = {},
): Permission => ({ actions, resources, ...limits });

/** Gives a role its permissions, each as a statement of its own, and says why where they have a `*`. */
export function give(stack: Stack, role: Role, permissions: readonly Permission[]): void {
  const said = new Set<string>();
  for (const { actions, resources, conditions = {}, because } of permissions) {
    role.addToPolicy(
      new PolicyStatement({
        actions: [...actions],
        resources: [...resources],
        conditions: { ...conditions },
      }),
    );
    for (const resource of resources) {
      const finding = `AwsSolutions-IAM5[Resource::${flat(stack.resolve(resource))}]`;
      if (because === undefined || said.has(finding)) continue;
      said.add(finding);
      acknowledge(role, [{ id: finding, reason: because }]);
    }
  }
}

export interface Acknowledgement {
  /** As the rule reports it, for example `AwsSolutions-IAM5[Resource::*]`. */
  readonly id: string;
  readonly reason: string;
}

/** Says of one construct why a rule's finding is right as it is. */
export function acknowledge(construct: Construct, findings: readonly Acknowledgement[]): void {
  for (const finding of findings) Validations.of(construct).acknowledge(finding);
}

/** A resolved value as cdk-nag writes it: what is known only when deployed in angle brackets. */
export function flat(value: unknown): string {
  if (typeof value === 'string') return value;
  const [name, argument] = Object.entries(value ?? {})[0] ?? [];
  if (name === 'Ref') return `<${argument}>`;
  if (name === 'Fn::GetAtt') return `<${argument.join('.')}>`;
  if (name === 'Fn::Join') return argument[1].map(flat).join(argument[0]);
  throw new Error(`not a text: ${JSON.stringify(value)}`);
}
