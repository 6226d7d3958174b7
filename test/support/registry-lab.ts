import { expect } from 'bun:test'
import type { DockerDaemon } from './docker-daemon.ts'
import { type RunOptions, run } from './processes.ts'

/**
 * The steps that a course on Docker takes with a private registry, word for word: look at it, then commit, tag, push, remove, pull
 * and run an image. The daemon has the image `base`.
 */

/** The look at the bare address. `through` is a program that runs wget where the registry can be reached. */
export async function lookWithWget(address: string, options: RunOptions, through: readonly string[] = []): Promise<void> {
  const printed = await run([...through, 'wget', '--tries=1', '--timeout=10', '-vO-', address], options)

  expect(printed).toMatchObject({ exitCode: 0, stdout: '' })
  expect(printed.stderr).toContain('HTTP request sent, awaiting response... 200 OK\nLength: 0')
}

export async function takeImageLab(daemon: DockerDaemon, address: string): Promise<void> {
  const name = `${address}/devenv`
  const committed = await commitImage(daemon, 'mydev/devenv')
  await daemon.docker('image', 'tag', 'mydev/devenv', name)

  const pushed = await daemon.docker('image', 'push', name)
  const digest = digestOf(pushed)
  await daemon.docker('image', 'rm', 'mydev/devenv')
  const removed = await daemon.docker('image', 'rm', name)
  expect(removed).toContain(`Untagged: ${name}@${digest}`)
  expect(removed).toContain(`Deleted: ${committed}`)
  expect(await daemon.imageId(name)).toBeUndefined()
  const pulled = await daemon.docker('image', 'pull', name)

  expect(pushed).toContain(`The push refers to repository [${name}]`)
  expect(pushed.match(/: Pushed\n/g)).toHaveLength(2)
  expect(pushed).toMatch(/\nlatest: digest: sha256:[0-9a-f]{64} size: \d+\n/)
  expect(pulled).toContain('Using default tag: latest')
  expect(pulled).toContain(`Digest: ${digest}`)
  expect(pulled).toContain(`Status: Downloaded newer image for ${name}:latest`)
  expect(await daemon.imageId(name)).toBe(committed)
  const run = ['container', 'run', '--rm', '--network=none', name, '/bin/sh', '-c', 'busybox cat /tools']
  expect(await daemon.docker(...run)).toBe('tools\n')
}

/** The first digest in what a client printed. */
export function digestOf(printed: string): string {
  const digest = printed.match(/sha256:[0-9a-f]{64}/)?.[0]
  if (digest === undefined) throw new Error(`no digest in: ${printed}`)
  return digest
}

/** An image of two layers, made by work in a container; gives its id. */
async function commitImage(daemon: DockerDaemon, name: string): Promise<string> {
  await daemon.docker('container', 'run', '--network=none', '--name', 'dev', 'base', '/bin/sh', '-c', 'echo tools > /tools')
  const committed = await daemon.docker('container', 'commit', 'dev', name)
  await daemon.docker('container', 'rm', 'dev')
  return committed.trim()
}
