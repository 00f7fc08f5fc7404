/** One valid thing of each kind that is read, to be changed. */
import type { PlanBody } from '../../lambdas/plan/document.ts';
import { digest } from '../registry/documents.ts';
import { busEvent, notification } from '../support/indexer.ts';

export const filters = { dangling: ['false'], label: ['a=b'], 'label!': ['keep'], until: ['24h'] };
export const filterMaps = { dangling: { false: true }, label: { 'a=b': true }, until: { '24h': true } };

export const request = {
  filters,
  all: true,
  repositories: ['team/*'],
  mode: 'offline',
  dryRun: true,
  trigger: 'cli',
  confirm: 50,
};

export const operations = [
  { action: 'prune', ...request },
  { action: 'plan', filters },
  { action: 'why', subject: 'team/app:v1' },
  { action: 'apply', plan: 's3://bucket/plan.json', dryRun: true },
  { action: 'restore', runId: 'x' },
  { action: 'runs', limit: 3 },
  { action: 'run', runId: 'x' },
  { action: 'status' },
];

export const config = {
  created: '2026-01-01T00:00:00Z',
  architecture: 'amd64',
  config: { Labels: { team: 'core', keep: '', ['__proto__']: 'x' }, Env: ['A=b'] },
  container_config: { Labels: { team: 'other' } },
  history: [{ created_by: 'x' }],
  rootfs: { type: 'layers', diff_ids: [] },
};

export const REGISTRY = { bucket: 'registry', prefix: 'docker/registry/v2/', index: 'one' };
const none = { manifests: 0, tags: 0, links: 0, blobs: 0, bytes: 0 };
export const plan: PlanBody = {
  kind: 'registry-prune/plan',
  schemaVersion: '1.0',
  ...{ id: 'x', createdAt: '2026-11-24T19:50:51.000Z', status: 'completed', registry: REGISTRY },
  request: { filters, repositories: [], mode: 'online' },
  times: { grace: 0, quarantine: 0 },
  totals: { ...none, uploads: 0, uploadBytes: 0 },
  repositories: [{ repository: 'app', ...none, sharedBytes: 0 }],
  kept: [{ code: 'x', message: 'y' }],
  manifests: [
    {
      ...{ repository: 'app', digest: digest('one'), reason: 'x', mediaType: 'x', size: 1, gains: 0 },
      taggedAs: ['v1'],
      tags: [{ tag: 'v1', etag: 'e' }],
    },
  ],
  links: [{ repository: 'app', digest: digest('one'), reason: 'x', size: 1, gains: 0 }],
  blobs: [{ digest: digest('one'), reason: 'x', size: 1, gains: 0, repositories: ['app'] }],
  uploads: [],
  multipartUploads: [],
};

export const messages = [busEvent('a/b'), notification('a/b')];

const always = { time: 't', run: 'r', reason: 'x' };
const one = { repository: 'app', digest: digest('one') };
export const journalLines = [
  { ...always, action: 'delete-manifest', ...one, mediaType: 'x', size: 1, taggedAs: ['v1'] },
  { ...always, action: 'untag', ...one, tag: 'v1', etag: 'e', versionId: 'v' },
  { ...always, action: 'unlink', ...one, size: 1 },
  { ...always, action: 'delete-blob', digest: digest('one'), size: 1, repositories: ['app'] },
  { ...always, action: 'delete-upload', repository: 'app', upload: 'u', size: 1 },
  { ...always, action: 'abort-multipart', key: 'k', upload: 'u' },
];
