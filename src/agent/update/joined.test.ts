import { expect, test } from 'bun:test'
import type { Container, Docker, Json } from '../docker/docker.ts'
import { rejoined } from './joined.ts'

const settings = { config: { Volumes: { '/own': {} } }, hostConfig: {}, networks: {}, mounts: [] }

function borrower(hostConfig: Json, mounts: readonly Json[]): Container {
  return { id: 'b', name: 'borrower', labels: {}, settings: { ...settings, hostConfig, mounts } } as unknown as Container
}

function dockerWith(...names: readonly string[]): Docker {
  const findContainer = async (name: string) => (names.includes(name) ? ({ id: name } as Container) : undefined)
  return { findContainer, listContainers: async () => [] } as unknown as Docker
}

const MOUNTS = [
  { Type: 'volume', Name: 'kept', Destination: '/kept', RW: true },
  { Type: 'volume', Name: 'unnamed', Destination: '/own', RW: true },
  { Type: 'volume', Name: 'lent', Destination: '/lent/', RW: false },
  { Type: 'bind', Source: '/srv/files', Destination: '/files', RW: true },
  { Type: 'tmpfs', Source: '', Destination: '/scratch', RW: true },
]

test('volumes of a lender that is no more are had by their own names, and those of one that is there come with it', async () => {
  const made = borrower({ Binds: ['kept:/kept'], VolumesFrom: ['gone:ro', 'there'] }, MOUNTS)

  const { hostConfig } = (await rejoined(made, dockerWith('there'))).settings

  expect(hostConfig).toEqual({ VolumesFrom: ['there'], Binds: ['kept:/kept', 'lent:/lent:ro', '/srv/files:/files'] })
})

test('nothing is said anew of lenders that are there', async () => {
  const made = borrower({ VolumesFrom: ['there:ro'] }, MOUNTS)

  const { hostConfig } = (await rejoined(made, dockerWith('there'))).settings

  expect(hostConfig).toEqual({ VolumesFrom: ['there:ro'] })
})
