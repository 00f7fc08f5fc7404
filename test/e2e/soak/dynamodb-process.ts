/** DynamoDB: dynalite, because moto reads a whole table for each query of an index. */
import { once } from 'node:events';
import { startEmbeddedDynamoDb } from '../../../local/embedded-dynamodb.ts';
import { endOfParent, tell } from './parent.ts';

const ended = endOfParent();
const { endpoint, stop } = await startEmbeddedDynamoDb();
tell(endpoint);
await once(ended, 'abort');
await stop();
