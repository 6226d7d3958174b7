import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createAuthority, issueServerCertificate } from '../../src/certificates/issue.ts'
import { MACHINE_PROGRAMS } from '../support/private-machine.ts'
import { startNginx } from '../support/proxies.ts'
import { ProxyLab } from '../support/proxy-lab.ts'
import { describeWith } from '../support/requirements.ts'

const TEST_MS = 180_000
const URL = 'https://registry.example.com:8443'

describeWith({ programs: [...MACHINE_PROGRAMS, 'nginx'], root: true }, 'berth doctor explains', () => {
  let lab: ProxyLab
  beforeAll(async () => {
    lab = await ProxyLab.start()
  }, TEST_MS)
  afterAll(async () => await lab[Symbol.asyncDispose](), TEST_MS)

  test.each<readonly [what: string, location: string, seen: string, advice: string]>([
    [
      "nginx's limit of 1 MB",
      'proxy_pass http://127.0.0.1:5000;',
      'FAILED push of 2 MB: PATCH was answered with 413',
      'A proxy refuses bodies of this size. In nginx: client_max_body_size 0',
    ],
    [
      'a proxy that reaches nothing',
      'proxy_pass http://127.0.0.1:1;',
      'FAILED connection: /v2/ answers 502',
      'The proxy does not reach the registry',
    ],
    [
      'a challenge that does not arrive',
      'return 401;',
      'FAILED login: the answer is 401, and does not say how to log in',
      'A proxy drops the WWW-Authenticate header',
    ],
    [
      'a challenge with tokens by plain HTTP',
      `add_header WWW-Authenticate 'Bearer realm="http://registry.example.com/token",service="a"' always; return 401;`,
      'FAILED login: tokens are given at http://registry.example.com/token, by plain HTTP',
      'let the proxy send X-Forwarded-Proto',
    ],
    [
      'a Location by plain HTTP',
      `proxy_pass http://127.0.0.1:5000; proxy_redirect / http://registry.example.com/;`,
      'FAILED Location: the registry sends the client to http://registry.example.com, not to https://registry.example.com:8443',
      'let every proxy on the way send X-Forwarded-Proto: https',
    ],
    [
      'a Location without the port',
      `proxy_pass http://127.0.0.1:5000; proxy_redirect / https://registry.example.com/;`,
      'FAILED Location: the registry sends the client to https://registry.example.com, not to https://registry.example.com:8443',
      'let the proxy send on the Host header as it came, with its port',
    ],
    [
      'a redirect to another place',
      'return 302 https://elsewhere.example.com/v2/;',
      'FAILED connection: the answer is a redirect to https://elsewhere.example.com/v2/',
      'Clients push only to the address that they were given',
    ],
    [
      'a server that is no registry',
      'return 200 "hello";',
      'odd    registry: the answer has no Docker-Distribution-Api-Version header',
      'Something else answers at /v2/',
    ],
    [
      'a clock that is wrong',
      `add_header Date 'Mon, 01 Jan 2024 00:00:00 GMT'; proxy_hide_header Date; proxy_pass http://127.0.0.1:5000;`,
      'odd    clock: the clock of the server is',
      'Tokens and certificates are valid by the clock',
    ],
    [
      'parts that cannot be had',
      'proxy_pass http://127.0.0.1:5000; client_max_body_size 0; proxy_set_header Range "";',
      'odd    pull of the end of 1 KB: asked for 16 bytes, the answer is 200 with 1024',
      'A proxy drops the Range header',
    ],
    [
      'methods that do not pass',
      'limit_except GET POST { deny all; } proxy_pass http://127.0.0.1:5000;',
      'FAILED push of 1 KB: PATCH was answered with 403',
      'a firewall for web applications',
    ],
  ])(
    '%s',
    async (_, location, seen, advice) => {
      await using _nginx = await startNginx(lab.folder, lab.machine, 'broken', site(location))

      const { stdout } = await lab.doctor(URL)

      expect(stdout).toContain(seen)
      expect(stdout.slice(stdout.indexOf(seen))).toContain(advice)
    },
    TEST_MS,
  )

  test(
    'a limit of time, when it is asked to be slow',
    async () => {
      const limits =
        'client_max_body_size 0; client_body_timeout 3s; proxy_request_buffering off; proxy_pass http://127.0.0.1:5000;'
      await using _ = await startNginx(lab.folder, lab.machine, 'impatient', site(limits))

      const { exitCode, stdout } = await lab.doctor(URL, '--slow')

      expect(exitCode).toBe(1)
      expect(stdout).toMatch(/^ok {4} push of 150 MB/m)
      expect(stdout).toMatch(/^FAILED push of 4 MB: PATCH (ended without an answer|was answered with 408)/m)
    },
    TEST_MS,
  )

  test(
    'an authority that nobody trusts',
    async () => {
      const { certificate } = await otherCertificate(new Date())
      await using _ = await startNginx(lab.folder, lab.machine, 'untrusted', site('return 200;', certificate, certificate))

      const { stdout } = await lab.doctor(URL)

      expect(stdout).toMatch(/^FAILED connection: .*\n +Clients do not trust the authority of the certificate: tell them/)
    },
    TEST_MS,
  )

  test(
    'a certificate that has expired',
    async () => {
      const { certificate, authority } = await otherCertificate(new Date('2020-01-01'))
      await using _ = await startNginx(lab.folder, lab.machine, 'expired', site('return 200;', certificate, certificate))

      const { stdout } = await lab.doctor(URL, '--ca', authority)

      expect(stdout).toMatch(/^FAILED connection: .*\n +The certificate has expired, or the clock of this machine is ahead/)
    },
    TEST_MS,
  )

  test(
    'a certificate for other names, plain HTTP where TLS is expected, and a port where nothing is',
    async () => {
      await using _ = await startNginx(lab.folder, lab.machine, 'names', site('return 200;'))

      const name = await lab.doctor('https://10.63.0.92:8443')
      const plain = await lab.doctor('https://127.0.0.1:5000')
      const nothing = await lab.doctor('https://registry.example.com:1')

      expect(name.stdout).toContain('The certificate speaks for other names')
      expect(plain.stdout).toContain('use http:// if the registry speaks plain HTTP')
      expect(nothing.stdout).toContain('Nothing listens there, or a firewall refuses')
    },
    TEST_MS,
  )

  function site(location: string, certificate = lab.certificates.certificate, key = lab.certificates.key): string {
    return `server {
    listen 8443 ssl;
    server_name registry.example.com;
    ssl_certificate ${certificate};
    ssl_certificate_key ${key};
    location / { ${location} }
}`
  }

  /** The path of a file with certificate and key, and that of its authority. */
  async function otherCertificate(now: Date): Promise<{ certificate: string; authority: string }> {
    const other = await createAuthority('other', now)
    const { certificate, key } = await issueServerCertificate(other, { hosts: ['registry.example.com'] }, now)
    return {
      certificate: await lab.folder.file('other.pem', `${certificate}${key}`),
      authority: await lab.folder.file('other-ca.pem', other.certificate),
    }
  }
})
