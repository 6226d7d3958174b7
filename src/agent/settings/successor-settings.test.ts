import { describe, expect, test } from 'bun:test'
import type { Container, ContainerSettings, Image, Json } from '../docker/docker.ts'
import { endpointsOf, whyNotTwice } from './endpoints.ts'
import { successorSettings } from './successor-settings.ts'

const ID = 'abcdef012345'.padEnd(64, '0')

function container(settings: Partial<ContainerSettings>): Container {
  return {
    ...{ id: ID, name: 'app', labels: {}, image: 'r.example/app:v1', imageId: 'old', state: 'running', exitCode: 0, restarts: 0 },
    ...{ health: undefined, healthOutput: undefined, problem: undefined, createdMs: 0, startedMs: 0, finishedMs: 0 },
    settings: { config: {}, hostConfig: {}, networks: {}, mounts: [], ...settings },
  }
}

function imageWith(config: Json): Image {
  return { id: 'old', repositoryDigests: [], config, platform: 'linux/amd64' }
}

function made(settings: Partial<ContainerSettings>, image: Json = {}): Json {
  return successorSettings({
    of: container(settings),
    oldImage: imageWith(image),
    image: 'r.example/app:v1',
    labels: { note: '1' },
  })
}

describe('what the old image gave is left to the new one, and what was set by hand stays', () => {
  const IMAGE = {
    Env: ['PATH=/bin', 'PORT=80'],
    Cmd: ['serve'],
    Entrypoint: ['/entry'],
    Labels: { version: '1', kept: 'by image' },
    ExposedPorts: { '80/tcp': {} },
    Volumes: { '/data': {} },
    Healthcheck: { Test: ['CMD', 'ok'], Interval: 5_000_000_000 },
    User: '1000',
    WorkingDir: '/srv',
    StopSignal: 'SIGINT',
    Shell: ['/bin/sh'],
  }

  test('nothing of the image is said', () => {
    const config = {
      ...IMAGE,
      Labels: { ...IMAGE.Labels },
      WorkingDir: '/srv/',
      Hostname: ID.slice(0, 12),
      Image: 'x',
      OnBuild: ['x'],
    }

    expect(made({ config }, IMAGE)).toEqual({
      Image: 'r.example/app:v1',
      Labels: { note: '1' },
      HostConfig: {},
      NetworkingConfig: { EndpointsConfig: {} },
    })
  })

  test('all that differs is said', () => {
    const config = {
      Env: ['PATH=/bin', 'PORT=8080', 'MORE=1'],
      Cmd: ['serve', '--fast'],
      Entrypoint: ['/entry'],
      Labels: { version: '1', kept: 'by hand', own: 'x', 'berth.agent.name': 'app' },
      ExposedPorts: { '80/tcp': {}, '81/tcp': {} },
      Volumes: { '/data': {}, '/more': {} },
      Healthcheck: { Test: ['CMD', 'ok'], Interval: 9_000_000_000 },
      User: '0',
      WorkingDir: '/',
      StopSignal: 'SIGQUIT',
      Shell: ['/bin/bash'],
      Hostname: 'web',
      MacAddress: '02:42:0a:4d:00:09',
    }

    expect(made({ config }, IMAGE)).toMatchObject({
      Env: ['PORT=8080', 'MORE=1'],
      Cmd: ['serve', '--fast'],
      Labels: { kept: 'by hand', own: 'x', note: '1' },
      ExposedPorts: { '81/tcp': {} },
      Volumes: { '/more': {} },
      Healthcheck: { Interval: 9_000_000_000 },
      User: '0',
      WorkingDir: '/',
      StopSignal: 'SIGQUIT',
      Shell: ['/bin/bash'],
      Hostname: 'web',
      MacAddress: '02:42:0a:4d:00:09',
    })
    expect(made({ config }, IMAGE)).not.toHaveProperty('Entrypoint')
    expect(made({ config }, IMAGE).Labels).not.toHaveProperty('berth.agent.name')
  })

  test("another entry point keeps its own command, which the new image's does not take the place of", () => {
    expect(made({ config: { Entrypoint: ['/other'], Cmd: ['serve'] } }, IMAGE)).toMatchObject({
      Entrypoint: ['/other'],
      Cmd: ['serve'],
    })
    expect(made({ config: { Entrypoint: ['/other'], Cmd: null } }, IMAGE)).toMatchObject({ Entrypoint: ['/other'], Cmd: [] })
    expect(made({ config: { Entrypoint: null, Cmd: ['/tool'] } }, IMAGE)).toMatchObject({ Entrypoint: [''], Cmd: ['/tool'] })
  })
})

describe('volumes without a name', () => {
  const volume = (Destination: string, more: Json = {}) => ({
    Type: 'volume',
    Name: `id-of-${Destination.slice(1)}`,
    Destination,
    RW: true,
    ...more,
  })

  test('come along by their ids', () => {
    const settings = {
      config: { Volumes: { '/image': {}, '/own/': {} } },
      hostConfig: {
        Binds: ['named:/named'],
        Mounts: [
          { Type: 'volume', Target: '/mount' },
          { Type: 'bind', Source: '/x', Target: '/bind' },
        ],
      },
      mounts: [
        volume('/image'),
        volume('/own', { RW: false }),
        volume('/named'),
        volume('/mount'),
        { Type: 'bind', Source: '/x', Destination: '/bind' },
      ],
    }

    expect(made(settings, { Volumes: { '/image': {} } }).HostConfig).toEqual({
      Binds: ['named:/named', 'id-of-image:/image', 'id-of-own:/own:ro'],
      Mounts: [
        { Type: 'volume', Target: '/mount', Source: 'id-of-mount' },
        { Type: 'bind', Source: '/x', Target: '/bind' },
      ],
    })
  })

  test('of another container are left to it', () => {
    const settings = { hostConfig: { VolumesFrom: ['data'] }, mounts: [volume('/lent')] }

    expect(made(settings).HostConfig).toEqual({ VolumesFrom: ['data'] })
  })
})

describe('networks', () => {
  const endpoint = (more: Json = {}) => ({
    IPAMConfig: null,
    Links: null,
    Aliases: ['web', ID.slice(0, 12)],
    NetworkID: 'n',
    IPAddress: '10.0.0.2',
    ...more,
  })

  test('have their aliases and fixed addresses, and what the daemon chose is chosen again', () => {
    const networks = { back: endpoint({ IPAMConfig: { IPv4Address: '10.1.0.9' } }), front: endpoint({ DriverOpts: { a: 'b' } }) }

    expect(endpointsOf(container({ hostConfig: { NetworkMode: 'front' }, networks }))).toEqual({
      first: { front: { Aliases: ['web'], DriverOpts: { a: 'b' } } },
      others: [['back', { Aliases: ['web'], IPAMConfig: { IPv4Address: '10.1.0.9' } }]],
    })
  })

  test("Docker's own network is not told of itself, and one named by its id is found", () => {
    expect(endpointsOf(container({ hostConfig: { NetworkMode: 'default' }, networks: { bridge: endpoint() } }))).toEqual({
      first: {},
      others: [],
    })
    expect(endpointsOf(container({ hostConfig: { NetworkMode: 'n' }, networks: { front: endpoint() } })).first).toEqual({
      front: { Aliases: ['web'] },
    })
  })

  test('of another container bring its name and its ports', () => {
    const config = { Hostname: 'other', Domainname: 'd', ExposedPorts: { '80/tcp': {} } }
    const body = made({ config, hostConfig: { NetworkMode: `container:${ID}` } })

    expect([body.Hostname, body.Domainname, body.ExposedPorts]).toEqual([undefined, undefined, undefined])
  })

  test('links are said as they are taken', () => {
    expect(made({ hostConfig: { Links: ['/db:/app/database'] } }).HostConfig).toEqual({ Links: ['db:database'] })
  })
})

test('what only one container can have keeps two of them from running at once', () => {
  const fixed = { IPAMConfig: { IPv4Address: '10.1.0.9' } }

  expect(whyNotTwice(container({}))).toBeUndefined()
  expect(whyNotTwice(container({ hostConfig: { PortBindings: { '80/tcp': [{ HostPort: '' }] } } }))).toBeUndefined()
  expect(whyNotTwice(container({ hostConfig: { PortBindings: { '80/tcp': [{ HostPort: '80' }] } } }))).toContain('a port')
  expect(whyNotTwice(container({ networks: { n: fixed } }))).toContain('a fixed address')
  expect(whyNotTwice(container({ config: { MacAddress: '02:42:ac:11:00:02' } }))).toContain('MAC')
})
