import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { type Environment, environmentIn, run, runToSuccess } from '../support/processes.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(300_000)
const PROGRAM = join(import.meta.dir, '../support/print-credentials.ts')
const EXPIRES = '2100-01-01T00:00:00Z'

/** Where keys come from when the configuration names none, each source with what stands behind it in earnest. */
describe('credentials that the configuration does not name', () => {
  let folder: TemporaryFolder
  let amazon: Bun.Server<undefined>
  let environment: Environment

  beforeAll(() => {
    folder = new TemporaryFolder()
    amazon = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: answer })
    environment = { ...environmentIn(folder.path), AWS_EC2_METADATA_DISABLED: 'true' }
  })
  afterAll(async () => {
    await amazon.stop(true)
    folder[Symbol.dispose]()
  })

  /** The endpoint of a container, the metadata of an instance that insists on version 2, and the token service. */
  async function answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    const keys = (id: string) => ({ AccessKeyId: id, SecretAccessKey: 'secret', Token: 'token', Expiration: EXPIRES })
    if (pathname === '/container') {
      const isAllowed = request.headers.get('authorization') === 'Bearer of-the-pod'
      return isAllowed ? Response.json(keys('container')) : new Response(null, { status: 401 })
    }
    if (pathname === '/latest/api/token') return new Response(request.method === 'PUT' ? 'imds-token' : null)
    if (pathname.startsWith('/latest/meta-data/iam/security-credentials/')) {
      if (request.headers.get('x-aws-ec2-metadata-token') !== 'imds-token') return new Response(null, { status: 401 })
      return pathname.endsWith('/role') ? Response.json({ Code: 'Success', ...keys('instance') }) : new Response('role')
    }
    const form = new URLSearchParams(await request.text())
    if (form.get('Action') !== 'AssumeRoleWithWebIdentity' || form.get('WebIdentityToken') !== 'of the pod') {
      return new Response(null, { status: 400 })
    }
    const xml = Object.entries({ ...keys('web-identity'), SessionToken: 'token' }).map(
      ([name, value]) => `<${name}>${value}</${name}>`,
    )
    const result = `<AssumeRoleWithWebIdentityResult><Credentials>${xml.join('')}</Credentials></AssumeRoleWithWebIdentityResult>`
    const body = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${result}</AssumeRoleWithWebIdentityResponse>`
    return new Response(body, { headers: { 'content-type': 'text/xml' } })
  }

  async function found(variables: Environment): Promise<unknown> {
    const printed = await runToSuccess([process.execPath, PROGRAM], { environment: { ...environment, ...variables } })
    return JSON.parse(printed)
  }

  test('are those of the environment', async () => {
    const variables = { AWS_ACCESS_KEY_ID: 'environment', AWS_SECRET_ACCESS_KEY: 'secret', AWS_SESSION_TOKEN: 'token' }

    expect(await found(variables)).toMatchObject({ accessKeyId: 'environment', sessionToken: 'token' })
  })

  test('are those of a profile in a shared file', async () => {
    const file = await folder.file('credentials', '[images]\naws_access_key_id = profile\naws_secret_access_key = secret\n')

    expect(await found({ AWS_SHARED_CREDENTIALS_FILE: file, AWS_PROFILE: 'images' })).toMatchObject({ accessKeyId: 'profile' })
  })

  test('are what a web identity is exchanged for', async () => {
    const token = await folder.file('token', 'of the pod')
    const variables = { AWS_WEB_IDENTITY_TOKEN_FILE: token, AWS_ROLE_ARN: 'arn:aws:iam::1:role/images', AWS_REGION: 'us-east-1' }

    const credentials = await found({ ...variables, AWS_ENDPOINT_URL_STS: amazon.url.href })

    expect(credentials).toMatchObject({ accessKeyId: 'web-identity', expiration: '2100-01-01T00:00:00.000Z' })
  })

  test('are those that the endpoint of a container gives, by the token of a pod identity', async () => {
    const token = await folder.file('pod-token', 'Bearer of-the-pod')
    const url = new URL('/container', amazon.url).href
    const variables = { AWS_CONTAINER_CREDENTIALS_FULL_URI: url, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: token }

    expect(await found(variables)).toMatchObject({ accessKeyId: 'container', expiration: '2100-01-01T00:00:00.000Z' })
  })

  test('are those of the role of an instance, by version 2 of its metadata service', async () => {
    const variables = {
      AWS_EC2_METADATA_DISABLED: 'false',
      AWS_EC2_METADATA_SERVICE_ENDPOINT: amazon.url.href.replace(/\/$/, ''),
    }

    expect(await found(variables)).toMatchObject({ accessKeyId: 'instance' })
  })

  test('are missed with a word where there are none', async () => {
    const outcome = await run([process.execPath, PROGRAM], { environment })

    expect(outcome.exitCode).not.toBe(0)
    expect(outcome.stderr).toContain('Could not load credentials')
  })
})
