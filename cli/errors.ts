/** Errors as a person reads them: one line that says what happened, and what to do where that is known. */

/** What an error of Node or of the AWS SDK may have beside its message. */
interface Details {
  readonly name: string;
  readonly message: string;
  readonly code?: unknown;
  readonly path?: unknown;
  readonly hostname?: unknown;
  readonly address?: unknown;
  readonly port?: unknown;
  /** Of S3's answers. */
  readonly Region?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

/** The line for an error, or undefined where it is not known. */
type Explanation = (error: Details) => string | undefined;

const CREDENTIALS = 'set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';

const EXPIRED = ['ExpiredToken', 'ExpiredTokenException', 'RequestExpired', 'TokenRefreshRequired'];
const NOT_ACCEPTED = [
  ...['InvalidAccessKeyId', 'InvalidClientTokenId', 'UnrecognizedClientException', 'InvalidToken'],
  ...['SignatureDoesNotMatch', 'InvalidSignatureException'],
];
const CLOCK = ['RequestTimeTooSkewed', 'RequestInTheFuture'];
const DENIED = ['AccessDenied', 'AccessDeniedException', 'AllAccessDisabled', 'Forbidden', '403'];
const ELSEWHERE = [
  'PermanentRedirect',
  'AuthorizationHeaderMalformed',
  'TemporaryRedirect',
  'Redirect',
  '301',
];
const THROTTLED = [
  ...['SlowDown', 'ThrottlingException', 'TooManyRequestsException', 'RequestLimitExceeded'],
  'ProvisionedThroughputExceededException',
];
const NO_ANSWER = ['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EPIPE'];
const NO_HOST = ['ENOTFOUND', 'EAI_AGAIN'];

const FILES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is no directory',
};

/** The first that knows the error speaks. */
const EXPLANATIONS: readonly Explanation[] = [
  credentials,
  ({ name }) =>
    CLOCK.includes(name) ? "AWS takes this machine's clock for wrong: set it right and try again" : undefined,
  denied,
  elsewhere,
  bucket,
  queue,
  noFunction,
  ({ name, message }) =>
    THROTTLED.includes(name)
      ? `AWS limits the rate (${name}: ${stopped(message)}): try again later`
      : undefined,
  network,
  file,
  withoutReason,
  ({ message }) =>
    message.includes('Deserialization error')
      ? `the answer is none of AWS (${stopped(message.split('\n', 1)[0] ?? '')}): check AWS_ENDPOINT_URL`
      : undefined,
];

/** One line: what went wrong, with the service's own code in front where it is not in the text already. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const explained = explain(error);
  if (explained !== undefined) return oneLine(explained);
  const message = error.message.trim() || (error.cause instanceof Error ? error.cause.message : '');
  const known = error.name === 'Error' || error.name.endsWith('Error') || message.includes(error.name);
  return oneLine(known ? message || error.name : `${error.name}: ${message}`);
}

function explain(error: Error): string | undefined {
  for (const explanation of EXPLANATIONS) {
    const line = explanation(error);
    if (line !== undefined) return line;
  }
  return undefined;
}

function credentials({ name, message }: Details): string | undefined {
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError') {
    // Of a session that has ended the SDK says itself how to begin another.
    if (/aws sso login|expired/i.test(message)) return `the AWS credentials cannot be used: ${message}`;
    return message.startsWith('Could not load credentials')
      ? `no AWS credentials found: ${CREDENTIALS}`
      : `no AWS credentials found (${stopped(message)}): ${CREDENTIALS}`;
  }
  if (EXPIRED.includes(name)) {
    return `the AWS credentials have expired (${name}): sign in again (aws sso login), or ${CREDENTIALS} anew`;
  }
  if (NOT_ACCEPTED.includes(name)) {
    return `AWS does not accept the credentials (${name}: ${stopped(message)}): ${CREDENTIALS}`;
  }
  return undefined;
}

/** An answer to HEAD has no body that could say why: S3 answers 400 where the credentials have expired. */
function withoutReason({ name, $metadata: { httpStatusCode: status } = {} }: Details): string | undefined {
  if (name !== 'UnknownError' || status === undefined) return undefined;
  return status === 400
    ? 'S3 answered 400 and could not say why: the AWS credentials may have expired; sign in again (aws sso login), or ' +
        `${CREDENTIALS} anew`
    : `S3 answered ${status} and could not say why${status >= 500 ? ': try again later' : ''}`;
}

/** As the services say it: `User: <arn> is not authorized to perform: <action> on resource: <arn> because …` */
const AUTHORISATION =
  /^(?:User: )?(\S+) is not authorized to perform: (\S+)(?: on resource: "?([^\s"]+)"?)?(?:,? (?:with an? (explicit deny)|because))?/;

function denied({ name, message }: Details): string | undefined {
  if (!DENIED.includes(name)) return undefined;
  const [, who, action, resource, explicit] = AUTHORISATION.exec(message) ?? [];
  if (who === undefined || action === undefined) {
    const what = stopped(message) || 'Access Denied';
    return `AWS denies access (${what}): allow what the README says that the process needs, or set another AWS_PROFILE`;
  }
  const on = resource === undefined ? '' : ` on ${resource}`;
  const forbidden = explicit !== undefined || message.includes('explicit deny');
  return `AWS denies ${action}${on} to ${who}: ${
    forbidden ? 'a policy forbids it explicitly; lift that' : 'allow it in a policy'
  }, or set another AWS_PROFILE`;
}

function elsewhere(error: Details): string | undefined {
  if (error.message === 'Region is missing') return 'no AWS region is set: set AWS_REGION';
  if (!ELSEWHERE.includes(error.name)) return undefined;
  const region = error.$response?.headers?.['x-amz-bucket-region'] ?? error.Region;
  return typeof region === 'string'
    ? `the bucket is in another region: set AWS_REGION to ${region}`
    : 'the bucket is in another region: set AWS_REGION to its region';
}

function bucket({ name, message }: Details): string | undefined {
  if (name !== 'BucketMissingError' && name !== 'NoSuchBucket') return undefined;
  return `${stopped(message)}: check REGISTRY_BUCKET, and by AWS_PROFILE the account`;
}

function queue({ name }: Details): string | undefined {
  if (name !== 'QueueDoesNotExist' && name !== 'AWS.SimpleQueueService.NonExistentQueue') return undefined;
  return 'the queue does not exist: check its URL and AWS_REGION';
}

function noFunction({ name, message }: Details): string | undefined {
  const [, which] =
    (name === 'ResourceNotFoundException' && /^Function not found: (\S+)/.exec(message)) || [];
  if (which === undefined) return undefined;
  return `there is no function ${which}: check its name and AWS_REGION, and by AWS_PROFILE the account`;
}

function network(error: Details): string | undefined {
  const code = String(error.code ?? '');
  if (NO_HOST.includes(code)) {
    const host = typeof error.hostname === 'string' ? ` ${error.hostname}` : '';
    return `the host${host} cannot be found (${code}): check the network, AWS_REGION and AWS_ENDPOINT_URL`;
  }
  if (NO_ANSWER.includes(code)) {
    // Where a name stands for several addresses, the error has the tries inside.
    const { address, port } = addressOf(error);
    const where = typeof address === 'string' ? ` at ${address}:${port}` : '';
    return `nothing answers${where} (${code}): check the network and AWS_ENDPOINT_URL`;
  }
  return error.name === 'TimeoutError'
    ? `no answer in time (${stopped(error.message)}): check the network and AWS_ENDPOINT_URL`
    : undefined;
}

function addressOf(error: Details): Pick<Details, 'address' | 'port'> {
  return error instanceof AggregateError ? Object(error.errors[0]) : error;
}

function file({ code, path }: Details): string | undefined {
  const reason = FILES[String(code)];
  if (reason === undefined) return undefined;
  if (typeof path === 'string') return `${path}: ${reason}`;
  // Node opens a directory, and fails without its path when it reads.
  return code === 'EISDIR' ? 'what is to be read is a directory' : undefined;
}

const stopped = (message: string): string => message.trim().replace(/[.:]+$/, '');

const oneLine = (text: string): string => text.trim().replaceAll(/\s*\n\s*/g, ' ');
