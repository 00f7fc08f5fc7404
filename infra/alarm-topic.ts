import { Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { check } from './checks.ts';
import { acknowledge } from './permission.ts';

export interface AlarmTopicProps {
  /**
   * ARN of a topic that there is already. Its policy must let CloudWatch publish.
   *
   * @default - one is made, for the email address
   */
  readonly topicArn?: string;
  /**
   * Who gets the alarms; the address has to confirm once.
   *
   * @default - nobody
   */
  readonly email?: string;
}

const TOPIC_ARN = /^arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]+$/;
const EMAIL = /^[^\s@]+@[^\s@]+$/;

/** Where the alarms go. */
export class AlarmTopic extends Construct {
  readonly topic: ITopic | Topic;

  /** @throws Error when topic or address cannot be, or both are given: a topic's subscribers are its owner's affair. */
  constructor(scope: Construct, id: string, { topicArn, email }: AlarmTopicProps) {
    super(scope, id);
    if (email !== undefined) check.matches('alarmEmail', email, EMAIL, 'addresses such as team@example.com');
    if (topicArn !== undefined) {
      check.matches('alarmTopicArn', topicArn, TOPIC_ARN, 'ARNs of SNS topics');
      if (email !== undefined)
        throw new Error(
          `alarmEmail (${email}) cannot be given with alarmTopicArn: subscribe it to that topic`,
        );
      this.topic = Topic.fromTopicArn(this, 'Topic', topicArn);
      return;
    }
    const topic = new Topic(this, 'Topic', {
      displayName: `Alarms of ${Stack.of(this).stackName}`,
      enforceSSL: true,
    });
    topic.addToResourcePolicy(
      new PolicyStatement({
        actions: ['sns:Publish'],
        principals: [
          new ServicePrincipal('cloudwatch.amazonaws.com', {
            conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
          }),
        ],
        resources: [topic.topicArn],
      }),
    );
    if (email !== undefined) topic.addSubscription(new EmailSubscription(email));
    acknowledge(topic, [
      {
        id: 'Serverless-SNSRedrivePolicy',
        reason: 'An alarm that does not reach an address stays visible in CloudWatch, in the state ALARM.',
      },
    ]);
    this.topic = topic;
  }
}
