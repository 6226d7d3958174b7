import { afterAll, beforeAll, expect, test } from 'bun:test'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { DOCKER_PROGRAMS, DockerDaemon } from '../support/docker-daemon.ts'
import { MACHINE_PROGRAMS, PrivateMachine } from '../support/private-machine.ts'
import { type BackgroundProgram, type Environment, PROGRAM_PATH, poll, runToSuccess, startUntil } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/**
 * The chapter 'Running your own registry' of a published course, step by step: certificates as docker-machine leaves them, the
 * registry with registry:2's variables on port 443, and a Docker host that is told to trust it with `/etc/docker/certs.d`.
 */

const TEST_MS = 120_000
const ADDRESS = '10.63.0.90'
const IMAGE = `${ADDRESS}/hello-world`

describeWith(
  { programs: [...DOCKER_PROGRAMS, ...MACHINE_PROGRAMS, 'curl', 'openssl', 'htpasswd'], root: true },
  'the walk-through with TLS',
  () => {
    const resources = new AsyncDisposableStack()
    let folder: TemporaryFolder
    let machine: PrivateMachine
    let daemon: DockerDaemon
    let registry: BackgroundProgram

    beforeAll(async () => {
      folder = resources.use(new TemporaryFolder())
      machine = resources.use(await PrivateMachine.start(folder, { addresses: [ADDRESS] }))
      await makeDockerMachineCertificates(folder)
      registry = await startRegistry(folder, machine)
      resources.defer(async () => void (await registry.stop()))
      daemon = resources.use(await DockerDaemon.start(folder, { inside: machine.words }))
      await daemon.importBaseImage(folder, 'hello-world')
      await daemon.docker('tag', 'hello-world', IMAGE)
    }, TEST_MS)
    afterAll(async () => await resources.disposeAsync(), TEST_MS)

    test(
      'curl with the authority sees {}',
      async () => {
        const seen = await machine.run('curl', '-sS', '--cacert', folder.join('certs/ca.pem'), `https://${ADDRESS}/v2/`)

        expect(seen).toBe('{}')
      },
      TEST_MS,
    )

    test(
      'a Docker host that was told nothing is refused',
      async () => {
        const pulled = await daemon.tryDocker('pull', IMAGE)
        const pushed = await daemon.tryDocker('push', IMAGE)

        expect(pulled.exitCode).toBe(1)
        for (const { stderr } of [pulled, pushed]) {
          expect(stderr).toMatch(/x509: certificate signed by unknown authority|failed to verify certificate/)
        }
      },
      TEST_MS,
    )

    test(
      'with the authority in /etc/docker/certs.d it pushes, pulls and runs',
      async () => {
        const place = `mkdir -p /etc/docker/certs.d/${ADDRESS} && cat - >> /etc/docker/certs.d/${ADDRESS}/ca.crt`
        await machine.run('sh', '-c', `cat ${folder.join('certs/ca.pem')} | sh -c "${place}"`)

        const pushed = await daemon.docker('push', IMAGE)
        await daemon.docker('image', 'rm', IMAGE)
        const pulled = await daemon.docker('pull', IMAGE)
        const ran = await daemon.docker('run', '--rm', '--network=none', IMAGE, '/bin/sh', '-c', 'echo Hello from Docker!')

        expect(pushed).toMatch(/latest: digest: sha256:[0-9a-f]{64} size: \d+/)
        expect(pulled).toContain(`Status: Downloaded newer image for ${IMAGE}:latest`)
        expect(ran).toBe('Hello from Docker!\n')
      },
      TEST_MS,
    )

    test(
      'who does not care about the certificate sees the catalog: clients need none of their own, and the operator was warned',
      async () => {
        const catalog = await machine.run('curl', '-sS', '--insecure', '-X', 'GET', `https://${ADDRESS}:443/v2/_catalog`)

        expect(JSON.parse(catalog)).toEqual({ repositories: ['hello-world'] })
        expect(registry.output).toMatch(/level=warn .*REGISTRY_HTTP_TLS_CLIENTCAS_0 HAS NO EFFECT/)
      },
      TEST_MS,
    )

    test(
      'the same registry with a password file refuses who has not logged in, also who does not care about the certificate',
      async () => {
        await folder.file('registry-auth/htpasswd', await htpasswd('testuser', 'testpassword'))
        await registry.stop()
        registry = await startRegistry(folder, machine, {
          REGISTRY_AUTH: 'htpasswd',
          REGISTRY_AUTH_HTPASSWD_REALM: 'Registry Realm',
          REGISTRY_AUTH_HTPASSWD_PATH: folder.join('registry-auth/htpasswd'),
        })

        const catalog = await machine.run('curl', '-sS', '--insecure', '-i', `https://${ADDRESS}:443/v2/_catalog`)
        const pulled = await daemon.tryDocker('pull', IMAGE)
        const wrong = await daemon.tryDocker('login', '-u', 'testuser', '-p', 'wrongpassword', ADDRESS)

        expect(catalog).toContain('HTTP/1.1 401 Unauthorized')
        expect(catalog).toMatch(/^www-authenticate: Basic realm="Registry Realm"\r$/im)
        expect(catalog).not.toContain('hello-world')
        expect(pulled.stderr).toContain('no basic auth credentials')
        expect(wrong.stderr).toContain('401 Unauthorized')
      },
      TEST_MS,
    )

    test(
      'after docker login it pulls and pushes, until docker logout',
      async () => {
        const login = await daemon.docker('login', '-u', 'testuser', '-p', 'testpassword', ADDRESS)
        const pulled = await daemon.docker('pull', IMAGE)
        await daemon.docker('tag', IMAGE, `${IMAGE}:again`)
        const pushed = await daemon.docker('push', `${IMAGE}:again`)
        const user = ['-u', 'testuser:testpassword', '--cacert', folder.join('certs/ca.pem')]
        const tags = await machine.run('curl', '-sS', ...user, `https://${ADDRESS}/v2/hello-world/tags/list`)
        await daemon.docker('logout', ADDRESS)
        const after = await daemon.tryDocker('pull', IMAGE)

        expect(login).toContain('Login Succeeded')
        expect(pulled).toContain(`Image is up to date for ${IMAGE}:latest`)
        expect(pushed).toMatch(/again: digest: sha256:[0-9a-f]{64} size: \d+/)
        expect(JSON.parse(tags)).toEqual({ name: 'hello-world', tags: ['again', 'latest'] })
        expect(after.stderr).toContain('no basic auth credentials')
      },
      TEST_MS,
    )

    test(
      'another user who is written into the file is let in, and the restart of the walk-through is not needed',
      async () => {
        const both = `${await htpasswd('testuser', 'testpassword')}${await htpasswd('another', 'secret')}`
        await folder.file('registry-auth/htpasswd', both)

        const login = await poll('the new user is let in', 90_000, async () => {
          const { exitCode, stdout } = await daemon.tryDocker('login', '-u', 'another', '-p', 'secret', ADDRESS)
          return exitCode === 0 ? stdout : undefined
        })

        expect(login).toContain('Login Succeeded')
      },
      TEST_MS,
    )
  },
)

/** What `docker run --entrypoint htpasswd registry:2 -Bbn` prints. */
async function htpasswd(user: string, password: string): Promise<string> {
  return `${(await runToSuccess(['htpasswd', '-Bbn', user, password], { environment: { PATH: PROGRAM_PATH } })).trimEnd()}\n`
}

/** An authority, and a certificate with RSA keys for the address, as that tool makes them. */
async function makeDockerMachineCertificates(folder: TemporaryFolder): Promise<void> {
  const certs = await folder.directory('certs')
  const names = await folder.file('certs/names', `subjectAltName = DNS:localhost, IP:${ADDRESS}\n`)
  const openssl = (...words: readonly string[]) => runToSuccess(['openssl', ...words], { environment: { PATH: PROGRAM_PATH } })
  const rsa = ['-newkey', 'rsa:2048', '-nodes']
  await openssl(
    'req',
    '-x509',
    ...rsa,
    '-keyout',
    `${certs}/ca-key.pem`,
    '-out',
    `${certs}/ca.pem`,
    '-subj',
    '/O=student',
    '-days',
    '30',
  )
  await openssl('req', ...rsa, '-keyout', `${certs}/registry-key.pem`, '-out', `${certs}/request`, '-subj', '/O=student.registry')
  const signing = ['-CA', `${certs}/ca.pem`, '-CAkey', `${certs}/ca-key.pem`, '-CAcreateserial', '-days', '30', '-extfile', names]
  await openssl('x509', '-req', '-in', `${certs}/request`, '-out', `${certs}/registry.pem`, ...signing)
}

/** The variables of the chapter; the container's port 5000 was published as 443. */
async function startRegistry(
  folder: TemporaryFolder,
  machine: PrivateMachine,
  more: Environment = {},
): Promise<BackgroundProgram> {
  const environment = {
    ...machine.environment,
    REGISTRY_HTTP_ADDR: `${ADDRESS}:443`,
    REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: folder.join('registry-data'),
    REGISTRY_HTTP_TLS_CERTIFICATE: folder.join('certs/registry.pem'),
    REGISTRY_HTTP_TLS_KEY: folder.join('certs/registry-key.pem'),
    REGISTRY_HTTP_TLS_CLIENTCAS_0: folder.join('certs/ca.pem'),
    ...more,
  }
  const { program } = await startUntil(/msg="listening"/, 30_000, [...machine.words, BERTH_PROGRAM, 'serve'], { environment })
  return program
}
