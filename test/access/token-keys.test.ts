import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { TokenIssuer } from '../support/token-issuer.ts'
import { byThumbprint, claims, TokenRegistry } from '../support/token-registry.ts'

setDefaultTimeout(120_000)

describeWith({ programs: ['openssl'] }, 'keys of auth.token that change', () => {
  const resources = new AsyncDisposableStack()
  let folder: TemporaryFolder
  let older: TokenIssuer
  let newer: TokenIssuer

  beforeAll(async () => {
    folder = resources.use(new TemporaryFolder())
    older = await TokenIssuer.create(folder, 'ES256')
    newer = await TokenIssuer.create(folder, 'ES256')
  })
  afterAll(async () => await resources.disposeAsync())

  async function tokenOf(issuer: TokenIssuer): Promise<string> {
    return issuer.token(await byThumbprint(issuer), claims())
  }

  /** Asks until the log has the line. */
  async function until(registry: TokenRegistry, message: string): Promise<void> {
    const token = await tokenOf(older)
    await registry.berth.log.lineAfter(() => registry.ask(token), message)
  }

  test('hold without a restart: the new one is believed, the old one no more, also in tokens that were accepted before', async () => {
    const bundle = folder.join('bundle.pem')
    await copyFile(older.certificatePath, bundle)
    await using registry = await TokenRegistry.start(folder, { rootcertbundle: bundle })
    const [old, fresh] = [await tokenOf(older), await tokenOf(newer)]
    await registry.expectTaken(old)
    await registry.expectRefused(fresh, 'is not one of rootcertbundle or jwks')

    await copyFile(newer.certificatePath, bundle)
    await until(registry, 'keys for tokens read again')

    await registry.expectTaken(fresh)
    await registry.expectRefused(old, 'is not one of rootcertbundle or jwks')
  })

  test('stay what they were when the file cannot be read, which is told once', async () => {
    const jwks = await folder.file('jwks.json', JSON.stringify({ keys: [{ ...older.jwk, kid: 'key' }] }))
    const text = await readFile(jwks, 'utf8')
    await using registry = await TokenRegistry.start(folder, { jwks })
    const token = older.token({ kid: 'key' }, claims())

    await writeFile(jwks, text.slice(0, 40))
    await until(registry, 'keys for tokens cannot be read, the old ones hold')
    await registry.expectTaken(token)
    await writeFile(jwks, JSON.stringify({ keys: [{ ...newer.jwk, kid: 'key' }] }))
    await until(registry, 'keys for tokens read again')

    await registry.expectRefused(token, 'its signature is wrong')
    await registry.expectTaken(newer.token({ kid: 'key' }, claims()))
    expect(registry.berth.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
  })
})
