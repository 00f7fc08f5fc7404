import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { MetadataTable, type MetadataTableProps } from './metadata-table.ts';

export interface RegistryPruneStackProps extends StackProps {
  /**
   * How the metadata table is made.
   *
   * @default - a generated name, and the longest recovery period
   */
  readonly metadata?: MetadataTableProps;
}

export class RegistryPruneStack extends Stack {
  readonly metadata: MetadataTable;

  constructor(scope: Construct, id: string, props: RegistryPruneStackProps = {}) {
    const { metadata, ...stackProps } = props;
    super(scope, id, stackProps);
    this.metadata = new MetadataTable(this, 'Metadata', metadata);
    new CfnOutput(this, 'MetadataTableName', {
      value: this.metadata.table.tableName,
      description: 'The name of the metadata table.',
    });
  }
}
