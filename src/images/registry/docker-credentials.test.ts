import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { chmod } from 'node:fs/promises'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { dockerCredentials } from './docker-credentials.ts'

const REGISTRY = 'registry.example.com:5000'
const URL_OF_IT = new URL(`https://${REGISTRY}`)
const AUTH = Buffer.from('user:pass:word').toString('base64')

let folder: TemporaryFolder
beforeEach(() => {
  folder = new TemporaryFolder()
})
afterEach(() => folder[Symbol.dispose]())

async function found(config: unknown, registry = REGISTRY) {
  const file = await folder.file('config.json', typeof config === 'string' ? config : JSON.stringify(config))
  return await (await dockerCredentials(registry, URL_OF_IT, ['/nonexistent/config.json', file])).find()
}

describe('what docker login has left', () => {
  const password = { kind: 'password', username: 'user', password: 'pass:word' }

  test.each([
    ['a password', { auths: { [REGISTRY]: { auth: AUTH } } }, password],
    ['a password under an address', { auths: { [`https://${REGISTRY}`]: { auth: AUTH } } }, password],
    ['a name and a password', { auths: { [REGISTRY]: { username: 'user', password: 'pass:word' } } }, password],
    [
      'an identity token',
      { auths: { [REGISTRY]: { auth: AUTH, identitytoken: 'secret' } } },
      { kind: 'identity token', token: 'secret' },
    ],
    ['nothing for this registry', { auths: { 'other.example': { auth: AUTH } } }, undefined],
    ['a program for all that was not told of this registry', { credsStore: 'none', auths: {} }, undefined],
    ['an empty entry', { auths: { [REGISTRY]: {} } }, undefined],
    ['what is none', { auths: { [REGISTRY]: { auth: 'AAAA' } } }, undefined],
    ['a list', [], undefined],
  ])('is %s', async (_, config, credentials) => {
    expect(await found(config)).toEqual(credentials as never)
  })

  test('for Docker Hub has a key of its own', async () => {
    expect(await found({ auths: { 'https://index.docker.io/v1/': { auth: AUTH } } }, 'docker.io')).toEqual(password as never)
  })

  test.each([
    ['for this registry', { credHelpers: { [REGISTRY]: 'berth-test' } }],
    ['for all, which keeps this one', { credsStore: 'berth-test', auths: { [REGISTRY]: {} } }],
  ])('is asked of the program %s', async (_, config) => {
    const script = '#!/bin/sh\nread server\nprintf \'{"Username":"user","Secret":"of %s"}\' "$server"\n'
    await chmod(await folder.file('bin/docker-credential-berth-test', script), 0o755)
    const path = process.env.PATH
    process.env.PATH = `${folder.join('bin')}:${path}`
    try {
      expect(await found(config)).toEqual({ kind: 'password', username: 'user', password: `of ${REGISTRY}` })
    } finally {
      process.env.PATH = path
    }
  })

  test('that names a program by a path, or is no JSON, is refused', async () => {
    await expect(found({ credHelpers: { [REGISTRY]: '../../bin/sh' } })).rejects.toThrow('is no name of a credential helper')
    await expect(found('{')).rejects.toThrow('config.json is not JSON; log in again with docker login')
  })
})
