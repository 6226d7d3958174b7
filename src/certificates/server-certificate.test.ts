import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuthority, type Issued, issueServerCertificate } from './issue.ts'
import { readServerCertificate } from './server-certificate.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-certificate-'))
afterAll(() => rmSync(folder, { recursive: true }))

let authority: Issued
let server: Issued

beforeAll(async () => {
  authority = await createAuthority('test')
  server = await issueServerCertificate(authority, { hosts: ['registry.example.com', '10.0.0.1', '::1'] })
})

describe('a certificate and its key', () => {
  test('are read from one file, with whatever else stands in it', async () => {
    const path = file('both.pem', `subject=CN = registry\n${server.key}\n# the certificate\n${server.certificate}`)

    const read = await readServerCertificate(path, path)

    expect(read.facts.names).toEqual(['registry.example.com', '10.0.0.1', '0:0:0:0:0:0:0:1'])
    expect(read.chain.match(/BEGIN CERTIFICATE/g)).toHaveLength(1)
    expect(read.key).toBe(server.key)
    expect(read.authority).toBeUndefined()
  })

  test('carry their private authority, when it ends the chain', async () => {
    const path = file('chain.pem', `${server.certificate}${authority.certificate}`)

    const read = await readServerCertificate(path, file('key.pem', server.key))

    expect(read.chain.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
    expect(read.authority?.trim()).toBe(authority.certificate.trim())
  })

  test('do not take the authority of another registry for their own', async () => {
    const other = await createAuthority('test')
    const path = file('lone.pem', server.certificate)
    file('ca.crt', other.certificate)

    const read = await readServerCertificate(path, file('key.pem', server.key))

    expect(read.authority).toBeUndefined()
  })

  test('in the wrong order are refused with the place of the one that the key fits', async () => {
    const path = file('reversed.pem', `${authority.certificate}${server.certificate}`)

    await expect(readServerCertificate(path, file('key.pem', server.key))).rejects.toThrow(
      /key\.pem belongs to certificate 2 of 2 in \S+reversed\.pem, that of registry\.example\.com; the first one must be its own: put it at the beginning/,
    )
  })

  test('that are not there are refused with what to do, in words for an operator', async () => {
    const nowhere = join(folder, 'nowhere.pem')

    await expect(readServerCertificate(nowhere, nowhere)).rejects.toThrow(
      `${nowhere} cannot be read: there is no such file; correct the path, or mount it.`,
    )
    await expect(readServerCertificate(folder, folder)).rejects.toThrow('it is a directory, as a mount makes one')
  })

  test.each<readonly [what: string, certificate: () => string, key: () => string, sentence: RegExp]>([
    ['no certificate', () => 'hello', () => server.key, /certificate\.pem holds no certificate in PEM form\.$/],
    [
      'a damaged certificate',
      () => server.certificate.replace(/M/g, 'A'),
      () => server.key,
      /certificate\.pem holds a certificate that cannot be read: it is damaged or cut off\.$/,
    ],
    ['no key', () => server.certificate, () => server.certificate, /key\.pem holds no private key in PEM form\.$/],
    [
      'a damaged key',
      () => server.certificate,
      () => server.key.replace(/M/g, 'A'),
      /key\.pem holds a private key that cannot be read: /,
    ],
    [
      'a key with a password',
      () => server.certificate,
      () => withPassword(server.key),
      /key\.pem needs a password; write it without one/,
    ],
    ['an old key with a password', () => server.certificate, () => OLD_KEY, /key\.pem needs a password; write it without one/],
    [
      'the key of another',
      () => server.certificate,
      otherKey,
      /key\.pem does not belong to the certificate in \S+certificate\.pem\.$/,
    ],
  ])('%s: refused, with the file', async (_, certificate, key, sentence) => {
    const read = readServerCertificate(file('certificate.pem', certificate()), file('key.pem', key()))

    await expect(read).rejects.toThrow(sentence)
  })
})

/** In the form of OpenSSL before 1.0, whose headers have hyphens. */
const OLD_KEY = `-----BEGIN RSA PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF

AAAA
-----END RSA PRIVATE KEY-----
`

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

function withPassword(key: string): string {
  const options = { format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'secret' } as const
  return createPrivateKey(key).export(options).toString()
}

function otherKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
}
