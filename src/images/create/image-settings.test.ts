import { describe, expect, test } from 'bun:test'
import { digestOf } from '../../oci/digest.ts'
import { type ImageSettings, imageConfig } from './image-settings.ts'

const NOTHING: ImageSettings = {
  ...{
    environment: [],
    entrypoint: undefined,
    command: undefined,
    user: undefined,
    workingDirectory: undefined,
    labels: {},
    ports: [],
  },
}
const PLATFORM = { os: 'linux', architecture: 'amd64' }
const [DIFF_A, DIFF_B] = ['a', 'b'].map((text) => digestOf('sha256', Buffer.from(text))) as [
  ReturnType<typeof digestOf>,
  ReturnType<typeof digestOf>,
]

function configOf(base: Readonly<Record<string, unknown>>, settings: Partial<ImageSettings> = {}) {
  const layers = [{ diffId: DIFF_B, by: 'added' }]
  const bytes = imageConfig({ base, settings: { ...NOTHING, ...settings }, platform: PLATFORM, layers, createdSeconds: 1 })
  return JSON.parse(new TextDecoder().decode(bytes))
}

describe('the config of a new image', () => {
  test('from nothing has what it was told, and the layer', () => {
    expect(configOf({}, { user: 'app', command: ['a'] })).toEqual({
      ...{ created: '1970-01-01T00:00:01Z', os: 'linux', architecture: 'amd64', config: { User: 'app', Cmd: ['a'] } },
      rootfs: { type: 'layers', diff_ids: [DIFF_B] },
      history: [{ created: '1970-01-01T00:00:01Z', created_by: 'added' }],
    })
  })

  test('keeps of its base what it does not know, and not when and by what that was made', () => {
    const base = {
      created: 'then',
      'os.version': '10',
      variant: 'v8',
      config: { Healthcheck: { Test: ['CMD', 'a'] } },
      rootfs: { diff_ids: [DIFF_A] },
    }

    const config = configOf(base)

    expect(config).toMatchObject({
      'os.version': '10',
      config: { Healthcheck: { Test: ['CMD', 'a'] } },
      created: '1970-01-01T00:00:01Z',
    })
    expect(config.rootfs.diff_ids).toEqual([DIFF_A, DIFF_B])
    expect(config.variant).toBeUndefined()
  })

  test('has a history only where it tells of all layers', () => {
    const rootfs = { type: 'layers', diff_ids: [DIFF_A] }
    const whole = configOf({ rootfs, history: [{ created_by: 'a' }, { created_by: 'env', empty_layer: true }] })
    const part = configOf({ rootfs, history: [] })

    expect(whole.history.map(({ created_by }: { created_by: string }) => created_by)).toEqual(['a', 'env', 'added'])
    expect(part.history).toBeUndefined()
  })

  test('puts a variable in the place of the one that is there', () => {
    expect(configOf({ config: { Env: ['PATH=/bin', 'A=1'] } }, { environment: ['PATH=/usr/bin', 'B=2'] }).config.Env).toEqual([
      'PATH=/usr/bin',
      'A=1',
      'B=2',
    ])
  })

  test.each([
    [{}, { Entrypoint: ['e'], Cmd: ['c'] }],
    [{ entrypoint: ['new'] }, { Entrypoint: ['new'] }],
    [{ command: ['new'] }, { Entrypoint: ['e'], Cmd: ['new'] }],
    [
      { entrypoint: ['new'], command: [] },
      { Entrypoint: ['new'], Cmd: [] },
    ],
  ])('with %p over an entry point and a command runs %p', (settings, run) => {
    expect(configOf({ config: { Entrypoint: ['e'], Cmd: ['c'] } }, settings).config).toEqual(run)
  })
})
