import { describe, expect, test } from 'bun:test'
import { findImageConfig, type ImageConfig, platformText, timeIn } from './image-config.ts'

const HOSTILE = '\u202e<script>\u0000'

function configOf(value: unknown): ImageConfig | undefined {
  return findImageConfig(new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value)))
}

describe('the config of an image', () => {
  test('tells what the image is run with, and how it was made', () => {
    const config = configOf({
      created: '2024-05-01T10:20:30.123456789Z',
      os: 'linux',
      architecture: 'arm64',
      variant: 'v8',
      config: {
        User: 'app',
        WorkingDir: '/srv',
        Entrypoint: ['/app', '--serve'],
        Cmd: ['now'],
        ExposedPorts: { '80/tcp': {}, '53/udp': {} },
        Env: ['PATH=/bin', 'TOKEN=secret=1', 'EMPTY'],
        Labels: { a: 'b' },
      },
      history: [
        { created: '2024-05-01T10:20:30Z', created_by: 'COPY a b', comment: 'buildkit' },
        { created_by: 'ENV a=b', empty_layer: true },
      ],
    })

    expect(config).toEqual({
      createdMs: Date.UTC(2024, 4, 1, 10, 20, 30, 123),
      platform: 'linux/arm64/v8',
      user: 'app',
      workingDirectory: '/srv',
      entrypoint: ['/app', '--serve'],
      command: ['now'],
      ports: ['80/tcp', '53/udp'],
      environment: ['PATH', 'TOKEN', 'EMPTY'],
      programFolders: ['/bin'],
      labels: { a: 'b' },
      history: [
        { createdMs: Date.UTC(2024, 4, 1, 10, 20, 30), by: 'COPY a b', comment: 'buildkit', isEmpty: false },
        { createdMs: undefined, by: 'ENV a=b', comment: '', isEmpty: true },
      ],
    })
  })

  test.each([
    ['no JSON', '{"created":'],
    ['a list', '[]'],
    ['null', 'null'],
    ['nothing', ''],
    ['deeper than any config', `{"config":${'['.repeat(100_000)}`],
    ['a list of more values than any config has', `{"history":[${'1,'.repeat(100_000)}1]}`],
    ['more labels than any config has', JSON.stringify({ config: { Labels: Object.fromEntries(fields(10_000)) } })],
  ])('that is %s is none', (_, text) => {
    expect(configOf(text)).toBeUndefined()
  })

  test('with fields of the wrong kind leaves them out', () => {
    const wrong = { User: 1, WorkingDir: [], Entrypoint: 'a', Cmd: { a: 'b' }, ExposedPorts: [], Env: 'a', Labels: ['a'] }

    const config = configOf({ created: 1, os: 1, architecture: {}, config: wrong, history: ['a', null, { created_by: 7 }] })

    const nothing = { createdMs: undefined, by: '', comment: '', isEmpty: false }
    expect(config).toEqual({
      ...{ createdMs: undefined, platform: undefined, user: '', workingDirectory: '', labels: {} },
      ...{ entrypoint: [], command: [], ports: [], environment: [], programFolders: [], history: [nothing, nothing, nothing] },
    })
    expect(configOf({ config: null, history: null })).toMatchObject({ labels: {}, history: [] })
  })

  test('has its texts cut and cleaned, wherever they stand', () => {
    const config = configOf({
      os: HOSTILE,
      architecture: HOSTILE,
      config: {
        ...{ User: HOSTILE, WorkingDir: HOSTILE, Entrypoint: [HOSTILE], Cmd: [HOSTILE], Env: [`${HOSTILE}=a`] },
        ...{ ExposedPorts: { [HOSTILE]: {} }, Labels: { [HOSTILE]: HOSTILE, __proto__: 'a' } },
      },
      history: [{ created_by: HOSTILE, comment: HOSTILE }],
    })

    expect(JSON.stringify(config)).not.toMatch(/\u202e|\\u0000/)
    expect(config).toMatchObject({ user: '<script>', labels: { '<script>': '<script>' }, platform: '<script>/<script>' })
  })

  test('keeps of a label of a megabyte, and of a thousand long texts, no more than can be shown', () => {
    const long = 'x'.repeat(1_000_000)

    const one = configOf({ config: { Labels: { long, short: 'a' } } })
    const many = configOf({ history: Array(1_000).fill({ created_by: long.slice(0, 1_000) }), config: { User: 'app' } })

    expect(one?.labels.long).toHaveLength(1_000)
    expect(one?.labels.short).toBe('a')
    expect(many?.user).toBe('app')
    expect(JSON.stringify(many).length).toBeLessThan(80_000)
  })

  test('has no field by the name of what every object has', () => {
    const labels = configOf('{"config":{"Labels":{"__proto__":"a","constructor":"b"}}}')?.labels

    expect(Object.entries(labels ?? {})).toEqual([['constructor', 'b']])
  })
})

test.each([
  ['2024-01-01T00:00:00Z', Date.UTC(2024, 0)],
  ['2024-01-01T00:00:00.5+01:00', Date.UTC(2023, 11, 31, 23, 0, 0, 500)],
  ['1970-01-01T00:00:00Z', 0],
  ['0001-01-01T00:00:00Z', undefined],
  ['2024-01-01', undefined],
  ['yesterday', undefined],
  ['2024-13-99T00:00:00Z', undefined],
  [`2024-01-01T00:00:00.${'0'.repeat(1_000_000)}Z`, undefined],
  [1_700_000_000, undefined],
])('the time %p is %p', (value, ms) => {
  expect(timeIn(value)).toBe(ms)
})

test.each([
  [{ os: 'linux', architecture: 'amd64' }, 'linux/amd64'],
  [{ os: 'linux', architecture: 'arm', variant: 'v7' }, 'linux/arm/v7'],
  [{ os: 'unknown', architecture: 'unknown' }, undefined],
  [{ os: 'linux' }, undefined],
  [{}, undefined],
])('the platform %p is %p', (platform, text) => {
  expect(platformText(platform)).toBe(text)
})

function fields(count: number): [string, string][] {
  return Array.from({ length: count }, (_, index) => [`${index}`, 'a'])
}
