import { describe, expect, test } from 'bun:test'
import { readFileSync, realpathSync } from 'node:fs'
import { deflateSync } from 'node:zlib'
import { readGoBuildInfo } from './go-build-info.ts'
import { readProgram } from './program.ts'
import { readRustAudit } from './rust-audit.ts'

async function programIn(bytes: Uint8Array) {
  return await readProgram('app', async (offset, length) => bytes.subarray(offset, offset + length))
}

describe('a program', () => {
  test('of this machine needs the libraries that it names', async () => {
    const found = await programIn(readFileSync(realpathSync('/bin/sh')))

    expect(found).toMatchObject({ kind: 'ELF', isStatic: false, language: undefined })
    expect(found.libraries).toContain('libc.so.6')
    expect(found.interpreter).toMatch(/^\/lib.*\/ld-linux.*\.so\.\d$/)
  })

  test.each([
    ['#!/usr/bin/env python3\nprint()\n', 'python3', '/usr/bin/env python3'],
    ['#!/usr/bin/env -S node --x\n', 'node', '/usr/bin/env -S node --x'],
    ['#! /bin/sh -e\n', 'sh', '/bin/sh -e'],
  ])('that begins with %p is a script of %s', async (content, language, interpreter) => {
    expect(await programIn(Buffer.from(content))).toMatchObject({ kind: 'script', language, interpreter })
  })

  test('of anything else is other', async () => {
    expect(await programIn(Buffer.from('MZ'))).toMatchObject({ kind: 'other', language: undefined })
    expect(await programIn(new Uint8Array(0))).toMatchObject({ kind: 'other' })
  })

  test('whose ELF headers point anywhere is told without a failure', async () => {
    const program = readFileSync(realpathSync('/bin/sh'))
    for (let at = 16; at < 64; at += 1) {
      const damaged = Buffer.from(program)
      damaged[at] = 0xff
      expect((await programIn(damaged)).path).toBe('app')
    }
  })
})

test('what Go writes into a program has its modules, a replaced one as what stands in its place', () => {
  const version = Buffer.from('go1.23.4')
  const modules = Buffer.from(
    `${'m'.repeat(16)}path\texample.com/app\nmod\texample.com/app\tv1.2.3\th1:x=\ndep\texample.com/a\tv0.1.0\th1:x=\n=>\texample.com/fork\tv0.2.0\th1:x=\ndep\texample.com/b\tv2.0.0\n${'e'.repeat(16)}`,
  )
  const length = (size: number) => Buffer.from(size < 128 ? [size] : [(size & 0x7f) | 0x80, size >> 7])
  const header = Buffer.concat([Buffer.from('\xff Go buildinf:', 'latin1'), Buffer.from([8, 2]), Buffer.alloc(16)])
  const section = Buffer.concat([header, length(version.length), version, length(modules.length), modules])

  const info = readGoBuildInfo(section, 'app')

  expect(info).toMatchObject({ version: 'go1.23.4', path: 'example.com/app' })
  expect(info?.modules.map(({ name, version }) => `${name} ${version}`)).toEqual([
    'example.com/app v1.2.3',
    'example.com/fork v0.2.0',
    'example.com/b v2.0.0',
  ])
  for (let end = 0; end < section.length; end += 1) expect(() => readGoBuildInfo(section.subarray(0, end), 'app')).not.toThrow()
})

test('what cargo auditable writes has the crates that are in the program', () => {
  const told = {
    packages: [
      { name: 'app', version: '0.1.0' },
      { name: 'cc', version: '1.0.0', kind: 'build' },
      { name: 'serde', version: '1.0.200' },
      null,
    ],
  }

  expect(readRustAudit(deflateSync(JSON.stringify(told)), 'app').map(({ name }) => name)).toEqual(['app', 'serde'])
  for (const damaged of ['no zlib', deflateSync('{}'), deflateSync('{"packages":['), deflateSync(Buffer.alloc(64 * 1024 * 1024))])
    expect(() => readRustAudit(Buffer.from(damaged), 'app')).toThrow()
})
