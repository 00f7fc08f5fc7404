import { describe, expect, it } from 'vitest';
import { MAX_CONFIG_BYTES, parseImageConfig } from '../../lambdas/registry/config.ts';
import { ConfigError } from '../../lambdas/registry/errors.ts';
import { bytes } from './documents.ts';

const parse = (config: unknown) => parseImageConfig(bytes(config));

const image = {
  architecture: 'amd64',
  created: '2024-05-01T10:20:30.123456789Z',
  config: {
    Env: ['PATH=/bin'],
    Volumes: { '/data': {} },
    Labels: { 'org.opencontainers.image.title': 'app', team: '' },
  },
  container_config: { labels: { not: 'these' } },
  rootfs: { type: 'layers', diff_ids: [] },
  history: [{ created: '2020-01-01T00:00:00Z', created_by: 'x', Created: 'y' }],
  os: 'linux',
};

describe('parseImageConfig', () => {
  it('reads labels and the time of creation', () => {
    expect(parse(image)).toEqual({
      labels: { 'org.opencontainers.image.title': 'app', team: '' },
      createdAt: new Date('2024-05-01T10:20:30.123Z'),
    });
  });

  it.each([
    ['the empty config', {}],
    ['no config', { created: null }],
    ['config null', { config: null }],
    ['no labels', { config: {} }],
    ['labels null', { config: { Labels: null } }],
  ])('has no labels: %s', (_, config) => {
    expect(parse(config)).toEqual({ labels: null });
  });

  it('tells empty labels from none', () => {
    expect(parse({ config: { Labels: {} } }).labels).toEqual({});
  });

  it('has labels without a prototype', () => {
    const { labels } = parse('{"config":{"Labels":{"__proto__":"p","constructor":"c"}}}');
    expect(Object.entries(labels ?? {})).toEqual([
      ['__proto__', 'p'],
      ['constructor', 'c'],
    ]);
    expect(labels?.['toString']).toBeUndefined();
  });

  it.each([
    ['2024-05-01T10:20:30+02:00', '2024-05-01T08:20:30.000Z'],
    ['2024-05-01T10:20:30.5-02:00', '2024-05-01T12:20:30.500Z'],
    ['2024-05-01t10:20:30z', '2024-05-01T10:20:30.000Z'],
    ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ])('reads %s', (created, expected) => {
    expect(parse({ created }).createdAt?.toISOString()).toBe(expected);
  });

  it.each([
    '',
    'yesterday',
    '2024',
    '2024-05-01',
    '2024-13-01T00:00:00Z',
    // JavaScript reads these, Go does not.
    '2024-05-01 10:20:30Z',
    '2024-05-01T10:20:30',
    '2024-05-01T10:20:30+0200',
    '+002024-05-01T10:20:30Z',
    1714558830,
    ['2024-05-01T10:20:30Z'],
  ])('goes without a time it cannot read: %j', (created) => {
    expect(parse({ ...image, created })).toEqual({ labels: image.config.Labels });
  });

  it.each([
    ['no JSON', 'tar'],
    ['a list', []],
    ['a config that is no object', { config: 'x' }],
    ['labels that are a list', { config: { Labels: ['a=b'] } }],
    ['a label that is no string', { config: { Labels: { a: 1 } } }],
    ['a label that is null', { config: { Labels: { a: null } } }],
    ['labels twice', '{"config":{"Labels":{"keep":"1"},"Labels":{}}}'],
    ['a label twice', '{"config":{"Labels":{"keep":"1","keep":"2"}}}'],
    ['labels in another case', { config: { labels: { keep: '1' } } }],
    ['config in another case', { Config: { Labels: { keep: '1' } } }],
    ['too many bytes', `{}${' '.repeat(MAX_CONFIG_BYTES)}`],
  ])('refuses %s', (_, config) => {
    expect(() => parse(config)).toThrow(ConfigError);
  });

  it.each([
    ['config is not an object', { config: 'x' }],
    ['config.Labels is not an object', { config: { Labels: [] } }],
    ['the label "a" is 1, not a string', { config: { Labels: { a: 1 } } }],
    ['a key of the image configuration is there twice', '{"os":1,"os":1}'],
    ['a key of the image configuration is in another case', { Created: '' }],
    ['unreadable image configuration: TypeError: not a JSON object', []],
  ])('says %s', (message, config) => {
    expect(() => parse(config)).toThrow(new ConfigError(message));
  });

  it('does not look for its own names where others have the say', () => {
    const odd = { Config: '', Created: '', labels: '' };
    expect(
      parse({ config: { Labels: odd }, container_config: odd, rootfs: odd, history: [odd] }).labels,
    ).toEqual(odd);
  });

  it('may be larger than a manifest', () => {
    expect(parse('{}'.padEnd(MAX_CONFIG_BYTES))).toEqual({ labels: null });
  });

  it('refuses what is not UTF-8, and says why', () => {
    expect(() => parseImageConfig(Uint8Array.of(0x7b, 0xff, 0x7d))).toThrow(
      expect.objectContaining({ name: 'ConfigError', cause: expect.any(TypeError) }),
    );
  });
});
