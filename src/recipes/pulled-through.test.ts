import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Trust } from './client-recipe.ts'
import { CLIENTS, type ClientName } from './clients.ts'

const PAGE = readFileSync(join(import.meta.dir, '../../docs/mirrors.md'), 'utf8')
const MIRRORS = [
  { name: 'docker.io', prefix: 'docker.io' },
  { name: 'quay.io', prefix: 'quay' },
]

function commands(client: ClientName, trust: Trust = { kind: 'known' }, mirrors = MIRRORS): string {
  return CLIENTS[client]({ registry: 'registry.example.com', trust, mirrors }).commands.join('\n')
}

/** The files that the commands write, as they will be. */
function written(client: ClientName): string[] {
  return [...commands(client).matchAll(/<<'END_OF_FILE'\n(.*?)\nEND_OF_FILE/gs)].map(([, text = '']) => text)
}

describe('what clients are told of mirrors', () => {
  test('is what docs/mirrors.md shows', () => {
    const shown = [...PAGE.matchAll(/```(?:toml|yaml|json)\n(.*?)\n```/gs)].map(([, text = '']) => text)

    const [hub = '', quay = ''] = written('containerd')
    expect(shown).toContain(hub)
    expect(shown).toContain(quay)
    expect(shown).toContain(written('podman')[0] ?? '')
    expect(shown).toContain(written('buildkit').join('\n'))
    expect(shown.map((text) => `# registry.example.com\n${text}`)).toContain(written('k3s').at(-1) ?? '')
    expect(shown.map((text) => text.replaceAll(' ', ''))).toContain(written('docker')[0] ?? '')
  })

  test('is all that is written for a registry whose certificate they know', () => {
    expect([
      commands('docker', undefined, []),
      commands('podman', undefined, []),
      commands('boot2docker', undefined, []),
    ]).toEqual(['', '', ''])
    expect(written('containerd')).toHaveLength(2)
    expect(commands('docker', undefined, [{ name: 'quay.io', prefix: 'quay' }])).toBe('')
  })

  test('says where plain HTTP is spoken, and which authority counts', () => {
    const plain = { kind: 'plain HTTP' } as const
    const authority = { kind: 'authority', certificate: 'PEM' } as const

    expect(commands('containerd', plain)).toContain('[host."http://registry.example.com/v2/quay"]')
    expect(commands('podman', plain)).toContain('location = "registry.example.com/quay"\ninsecure = true')
    expect(commands('k3s', plain)).toContain(
      'mirrors:\n  "registry.example.com":\n    endpoint:\n      - "http://registry.example.com"\n  "docker.io":',
    )
    expect(commands('containerd', authority)).toContain(
      'override_path = true\n  ca = "/etc/containerd/certs.d/registry.example.com/ca.crt"',
    )
    expect(commands('docker', plain)).toContain('"registry-mirrors":["http://registry.example.com"]')
  })
})
