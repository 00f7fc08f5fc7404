/** A CloudFormation template, and what becomes of it when its resources have names. */

// biome-ignore lint/suspicious/noExplicitAny: a template is JSON, and each test looks at what it needs of it.
type Json = any;

export interface Template {
  readonly Resources: Readonly<
    Record<
      string,
      { readonly Type: string; readonly Properties: Record<string, Json>; readonly Metadata?: Json }
    >
  >;
  readonly Outputs: Readonly<Record<string, { readonly Value: unknown }>>;
}

export interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** What a resource is called when it is there: `Ref` and `Fn::GetAtt` by their names. */
export type Deployed = ReadonlyMap<string, Readonly<Record<string, string>>>;

export const PSEUDO: Deployed = new Map([
  ['AWS::Partition', { Ref: 'aws' }],
  ['AWS::Region', { Ref: 'us-east-1' }],
  ['AWS::AccountId', { Ref: '123456789012' }],
  ['AWS::URLSuffix', { Ref: 'amazonaws.com' }],
]);

/** @throws Error for what is not known: no test may go on with half a name. */
export function resolve(value: unknown, deployed: Deployed): Json {
  if (Array.isArray(value)) return value.map((one) => resolve(one, deployed));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [[name, argument] = ['', undefined]] = entries;
  if (entries.length === 1 && name === 'Ref') return attribute(String(argument), 'Ref', deployed);
  if (entries.length === 1 && name === 'Fn::GetAtt') {
    const [resource, key] = argument as [string, string];
    return attribute(resource, key, deployed);
  }
  if (entries.length === 1 && name === 'Fn::Join') {
    const [separator, parts] = argument as [string, unknown[]];
    return parts.map((part) => resolve(part, deployed)).join(separator);
  }
  if (name.startsWith('Fn::')) throw new Error(`the function ${name} is not known`);
  return Object.fromEntries(entries.map(([key, one]) => [key, resolve(one, deployed)]));
}

function attribute(resource: string, name: string, deployed: Deployed): string {
  const value = (deployed.get(resource) ?? PSEUDO.get(resource))?.[name];
  if (value === undefined) throw new Error(`${name} of ${resource} is not known`);
  return value;
}

/** Every statement of a role, from its own policies and those attached to it. */
export function statementsOfRole({ Resources: resources }: Template, roleId: string): Statement[] {
  const own: Json[] = resources[roleId]?.Properties['Policies'] ?? [];
  const attached = Object.values(resources).filter(
    ({ Type, Properties }) =>
      Type === 'AWS::IAM::Policy' && Properties['Roles'].some((role: Json) => role.Ref === roleId),
  );
  return [...own, ...attached.map(({ Properties }) => Properties)].flatMap(
    ({ PolicyDocument }) => PolicyDocument.Statement,
  );
}
