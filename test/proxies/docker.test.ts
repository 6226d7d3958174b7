import { afterAll, beforeAll, expect, test } from 'bun:test'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { DOCKER_PROGRAMS, DockerDaemon } from '../support/docker-daemon.ts'
import { fixedBytes } from '../support/images.ts'
import { MACHINE_PROGRAMS } from '../support/private-machine.ts'
import { environmentIn, runToSuccess } from '../support/processes.ts'
import { startNginx } from '../support/proxies.ts'
import { ProxyLab } from '../support/proxy-lab.ts'
import { describeWith } from '../support/requirements.ts'
import { publishedNginxSite } from '../support/seed-nginx.ts'

const TEST_MS = 120_000
const PROGRAMS = [...DOCKER_PROGRAMS, ...MACHINE_PROGRAMS, 'nginx', 'htpasswd', 'curl']
const USER = ['testuser', 'testpassword'] as const

describeWith({ programs: PROGRAMS, root: true }, 'Docker, with a password, through nginx', () => {
  let lab: ProxyLab
  let daemon: DockerDaemon

  beforeAll(async () => {
    lab = await ProxyLab.start(async (folder) => {
      const made = await runToSuccess(['htpasswd', '-Bbn', ...USER], { environment: environmentIn(folder.join('htpasswd-home')) })
      const path = await folder.file('htpasswd', made)
      return { REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD_REALM: 'Registry Realm', REGISTRY_AUTH_HTPASSWD_PATH: path }
    })
    daemon = await DockerDaemon.start(lab.folder, { inside: lab.machine.words })
    await daemon.importBaseImage(lab.folder, 'base')
  }, TEST_MS)
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]()
    await lab[Symbol.asyncDispose]()
  }, TEST_MS)

  test(
    'as a page of tips configures it',
    async () => {
      const site = publishedNginxSite(lab.certificates.certificate, lab.certificates.key)
      await using _ = await startNginx(lab.folder, lab.machine, 'tips', site)

      await pushAndPull('docker.example.com')

      const look = ['curl', '-sS', '--cacert', lab.certificates.authority]
      expect(await lab.machine.run(...look, 'https://docker.example.com/')).toBe('Docker Repository')
      expect(await lab.machine.run(...look, '-o', '/dev/null', '-w', '%{redirect_url}', 'http://docker.example.com/v2/')).toBe(
        'https://docker.example.com/v2/',
      )
    },
    TEST_MS,
  )

  test(
    'as berth proxy-config prints it, on a port that is not 443',
    async () => {
      await using _ = await startNginx(lab.folder, lab.machine, 'printed', await lab.proxyConfig('nginx', '--port', '8443'))

      await pushAndPull('registry.example.com:8443')

      const doctor = [BERTH_PROGRAM, 'doctor', 'https://registry.example.com:8443', '--ca', lab.certificates.authority]
      const withUser = [...doctor, '--user', USER[0], '--password-stdin'].join(' ')
      expect(await lab.machine.run('sh', '-c', `echo ${USER[1]} | ${withUser}`)).toMatch(
        /^ok {4} login: by Basic$[\s\S]*^Clients can push and pull\.$/m,
      )
      expect((await lab.machine.tryRun(doctor)).stdout).toContain('FAILED login: the registry wants a password')
    },
    TEST_MS,
  )

  test(
    'with TLS ending at a first proxy, and a path ending at a second',
    async () => {
      const { certificate, key } = lab.certificates
      await using _ = await startNginx(lab.folder, lab.machine, 'two', twoProxies(certificate, key))

      await pushAndPull('registry.example.com:9443')
    },
    TEST_MS,
  )

  async function pushAndPull(registry: string): Promise<void> {
    const image = `${registry}/team/app`
    await lab.folder.file('context/large', fixedBytes(5_000_000))
    await lab.folder.file('context/Dockerfile', `FROM base\nCOPY large /large\nLABEL of=${registry}\n`)
    await daemon.docker('build', '--quiet', '--tag', image, lab.folder.join('context'))
    await lab.machine.run(
      BERTH_PROGRAM,
      'client',
      'setup',
      registry,
      '--ca',
      lab.certificates.authority,
      '--client',
      'docker',
      '--apply',
    )

    const refused = await daemon.tryDocker('push', image)
    const wrong = await daemon.tryDocker('login', '-u', USER[0], '-p', 'wrong', registry)
    const login = await daemon.docker('login', '-u', USER[0], '-p', USER[1], registry)
    const pushed = await daemon.docker('push', image)
    await daemon.docker('image', 'rm', image)
    const pulled = await daemon.docker('pull', image)
    await daemon.docker('logout', registry)
    const after = await daemon.tryDocker('pull', image)

    expect(refused.stderr).toContain('no basic auth credentials')
    expect(wrong.stderr).toContain('401 Unauthorized')
    expect(login).toContain('Login Succeeded')
    expect(pushed).toMatch(/latest: digest: sha256:[0-9a-f]{64} size: \d+/)
    expect(pulled).toContain(`Status: Downloaded newer image for ${image}:latest`)
    expect(after.stderr).toContain('no basic auth credentials')
  }
})

/** The second keeps the registry below a path, and says of itself that clients come by plain HTTP. */
function twoProxies(certificate: string, key: string): string {
  return `
client_max_body_size 0;
server {
    listen 9443 ssl;
    server_name registry.example.com;
    ssl_certificate     ${certificate};
    ssl_certificate_key ${key};
    location /v2/ {
        proxy_pass http://127.0.0.1:9080/images/v2/;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-Proto https;
    }
}
server {
    listen 9080;
    location /images/ {
        proxy_pass http://127.0.0.1:5000/;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-Proto $scheme;
    }
}
`
}
