import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { ClientLab, LAB_PROGRAMS } from '../support/client-lab.ts'
import { DockerDaemon } from '../support/docker-daemon.ts'
import { describeWith } from '../support/requirements.ts'
import { startSshServer } from '../support/ssh-server.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
const PROGRAMS = [...LAB_PROGRAMS, 'curl', 'jq', 'podman', 'skopeo', 'ssh', 'sshd', 'ssh-keygen']

describeWith({ programs: PROGRAMS, root: true }, 'berth client setup', () => {
  let lab: ClientLab

  beforeAll(async () => {
    lab = await ClientLab.start()
  }, TEST_MS)
  afterAll(async () => await lab[Symbol.asyncDispose](), TEST_MS)

  describe('without --apply', () => {
    test(
      'prints a script that does all of it, and the fingerprint of the authority',
      async () => {
        const { exitCode, stdout, stderr } = await lab.setup(lab.registry)

        expect(exitCode).toBe(0)
        expect(stdout).toContain(
          `cat > /etc/docker/certs.d/${lab.registry}/ca.crt <<'END_OF_FILE'\n${await readFile(lab.authority, 'utf8')}`,
        )
        for (const title of [
          '# Docker\n',
          '# containerd',
          '# podman',
          '# BuildKit',
          '# k3s',
          '# boot2docker',
          '# The whole system',
        ]) {
          expect(stdout).toContain(title)
        }
        expect(stderr).toBe(`berth: the authority of ${lab.registry} has the fingerprint ${lab.fingerprint}\n`)
        expect((await lab.machine.tryRun(['sh', '-n', await lab.folder.file('printed.sh', stdout)])).stderr).toBe('')
        expect((await lab.machine.tryRun(['ls', '/etc/docker/certs.d'])).exitCode).not.toBe(0)
      },
      TEST_MS,
    )

    test(
      'says what to do when the registry speaks plain HTTP, or is none',
      async () => {
        const plain = await lab.setup(lab.plain)
        const nonsense = await lab.setup('https://registry.example.com/v2/')

        expect(plain).toMatchObject({
          exitCode: 1,
          stderr: expect.stringContaining('if the registry speaks plain HTTP, say --insecure'),
        })
        expect(nonsense).toMatchObject({
          exitCode: 1,
          stderr: expect.stringContaining('is not a registry; write it as it stands in front'),
        })
      },
      TEST_MS,
    )
  })

  describe('with --apply', () => {
    test(
      'changes nothing for an authority that nobody vouches for',
      async () => {
        const unnamed = await lab.setup(lab.registry, '--apply', '--client', 'docker')
        const wrong = await lab.setup(
          lab.registry,
          '--apply',
          '--client',
          'docker',
          '--fingerprint',
          lab.fingerprint.replace(/^../, '00'),
        )

        expect(unnamed.stderr).toContain(`say --fingerprint ${lab.fingerprint}, or give the file with --ca`)
        expect(wrong.stderr).toContain(`is another authority than the one wanted: its fingerprint is ${lab.fingerprint}`)
        expect([unnamed.exitCode, wrong.exitCode]).toEqual([1, 1])
        expect((await lab.machine.tryRun(['ls', '/etc/docker/certs.d'])).exitCode).not.toBe(0)
      },
      TEST_MS,
    )

    test(
      'makes Docker trust it',
      async () => {
        await lab.daemon.docker('tag', 'base', `${lab.registry}/docker`)
        const before = await lab.daemon.tryDocker('push', `${lab.registry}/docker`)

        const done = await lab.setup(lab.registry, '--apply', '--client', 'docker', '--fingerprint', lab.fingerprint)
        const after = await lab.daemon.tryDocker('push', `${lab.registry}/docker`)

        expect(before.stderr).toContain('certificate')
        expect(done).toMatchObject({ exitCode: 0, stdout: 'Docker: done\n' })
        expect([before.exitCode, after.exitCode]).toEqual([1, 0])
      },
      TEST_MS,
    )

    test(
      'makes containerd trust it',
      async () => {
        await lab.machine.run('mkdir', '-p', '/etc/containerd')
        const before = await lab.ctr('pull', `${lab.registry}/docker:latest`)

        const done = await lab.setup(lab.registry, '--apply', '--client', 'containerd', '--ca', lab.authority)
        const pulled = await lab.ctr('pull', `${lab.registry}/docker:latest`)
        const pushed = await lab.ctr('push', `${lab.registry}/docker:latest`)

        expect(before.stderr).toContain('certificate')
        expect(done).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('config_path = "/etc/containerd/certs.d"') })
        expect([before.exitCode, pulled.exitCode, pushed.exitCode]).toEqual([1, 0, 0])
      },
      TEST_MS,
    )

    test(
      'makes podman and skopeo trust it',
      async () => {
        const inspect = ['skopeo', 'inspect', `docker://${lab.registry}/docker`]
        // What Docker trusts, they trust too.
        await lab.machine.run('rm', '-rf', '/etc/docker/certs.d')
        const before = await lab.machine.tryRun(inspect)

        const done = await lab.setup(lab.registry, '--apply', '--client', 'podman', '--ca', lab.authority)
        const inspected = await lab.machine.tryRun(inspect)
        const storage = [
          '--root',
          lab.folder.join('podman/root'),
          '--runroot',
          lab.folder.join('podman/run'),
          '--storage-driver',
          'vfs',
        ]
        const pulled = await lab.machine.tryRun(['podman', ...storage, 'pull', `${lab.registry}/docker`])

        expect(before.stderr).toContain('certificate')
        expect(done.exitCode).toBe(0)
        expect([before.exitCode, inspected.exitCode, pulled.exitCode]).toEqual([1, 0, 0])
      },
      TEST_MS,
    )

    test(
      'makes the system trust it',
      async () => {
        const curl = ['curl', '-sS', `https://${lab.registry}/v2/`]
        const before = await lab.machine.tryRun(curl)

        const done = await lab.setup(lab.registry, '--apply', '--client', 'system', '--ca', lab.authority)
        const after = await lab.machine.tryRun(curl)

        expect(before.exitCode).toBe(60)
        expect(done.exitCode).toBe(0)
        expect(after).toMatchObject({ exitCode: 0, stdout: '{}' })
      },
      TEST_MS,
    )

    test(
      'may be done again, and says so when a client is not there',
      async () => {
        const again = await lab.setup(
          lab.registry,
          '--apply',
          '--client',
          'docker',
          '--client',
          'containerd',
          '--ca',
          lab.authority,
        )
        const absent = await lab.setup(lab.registry, '--apply', '--client', 'k3s', '--ca', lab.authority)

        expect(again.stdout).toBe(
          'Docker: done\ncontainerd (nerdctl, Kubernetes, ctr --hosts-dir /etc/containerd/certs.d): done\n',
        )
        expect(absent).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('None of these clients is here.') })
      },
      TEST_MS,
    )

    test(
      'gives k3s, BuildKit and boot2docker files that they can read, next to what they have',
      async () => {
        await lab.machine.run(
          'sh',
          '-c',
          'mkdir -p /etc/rancher/k3s /etc/buildkit /var/lib/boot2docker && echo "debug = false" > /etc/buildkit/buildkitd.toml',
        )
        const words = ['--client', 'k3s', '--client', 'buildkit', '--client', 'boot2docker', '--ca', lab.authority]

        await lab.setup(lab.registry, '--apply', ...words)
        const done = await lab.setup(lab.registry, '--apply', ...words)
        const second = await lab.setup('other.example.com', '--apply', '--client', 'k3s', '--ca', lab.authority)

        expect(done.exitCode).toBe(0)
        expect(parse(await lab.machine.run('cat', '/etc/rancher/k3s/registries.yaml'))).toEqual({
          configs: { [lab.registry]: { tls: { ca_file: `/etc/rancher/k3s/certs/${lab.registry}.crt` } } },
        })
        expect(Bun.TOML.parse(await lab.machine.run('cat', '/etc/buildkit/buildkitd.toml'))).toEqual({
          debug: false,
          registry: { [lab.registry]: { ca: [`/etc/buildkit/certs/${lab.registry}/ca.crt`] } },
        })
        expect(await lab.machine.run('cat', '/var/lib/boot2docker/certs/registry.example.com-5000.pem')).toBe(
          await readFile(lab.authority, 'utf8'),
        )
        expect(second.stderr).toContain('Add to /etc/rancher/k3s/registries.yaml, which has other settings:')
      },
      TEST_MS,
    )
  })

  test(
    'with --ssh does it on another machine',
    async () => {
      await using server = await startSshServer(lab.folder, lab.machine)
      await lab.machine.run('rm', '-rf', `/etc/docker/certs.d/${lab.registry}`)

      const done = await lab.setup(
        lab.registry,
        '--ca',
        lab.authority,
        '--client',
        'docker',
        '--ssh',
        'root@localhost',
        '--ssh-command',
        server.command,
      )

      expect(done).toMatchObject({ exitCode: 0, stdout: 'Docker: done\n' })
      expect(await lab.machine.run('cat', `/etc/docker/certs.d/${lab.registry}/ca.crt`)).toBe(
        await readFile(lab.authority, 'utf8'),
      )
    },
    TEST_MS,
  )

  describe('with --insecure', () => {
    test(
      'lets Docker use plain HTTP, and keeps its other settings',
      async () => {
        await lab.machine.run(
          'sh',
          '-c',
          `echo '{"max-concurrent-uploads": 2, "insecure-registries": ["old:5000"]}' > /etc/docker/daemon.json`,
        )
        await using own = await DockerDaemon.start(lab.folder, { inside: lab.machine.words, name: 'insecure' })
        using images = new TemporaryFolder()
        await own.importBaseImage(images, 'base')
        await own.docker('tag', 'base', `${lab.plain}/docker`)
        const before = await own.tryDocker('push', `${lab.plain}/docker`)

        await lab.setup(lab.plain, '--insecure', '--apply', '--client', 'docker')
        process.kill(own.pid, 'SIGHUP')
        await own.waitForOutput(/insecure-registries|Reloaded configuration/)
        const after = await own.tryDocker('push', `${lab.plain}/docker`)

        expect(before.stderr).toContain('server gave HTTP response to HTTPS client')
        expect(JSON.parse(await lab.machine.run('cat', '/etc/docker/daemon.json'))).toEqual({
          'max-concurrent-uploads': 2,
          'insecure-registries': ['old:5000', lab.plain],
        })
        expect([before.exitCode, after.exitCode]).toEqual([1, 0])
      },
      TEST_MS,
    )

    test(
      'lets containerd, podman and skopeo use plain HTTP',
      async () => {
        const done = await lab.setup(lab.plain, '--insecure', '--apply', '--client', 'containerd', '--client', 'podman')
        const inspected = await lab.machine.tryRun(['skopeo', 'inspect', `docker://${lab.plain}/docker`])
        const pulled = await lab.ctr('pull', `${lab.plain}/docker:latest`)

        expect(done.exitCode).toBe(0)
        expect([inspected.exitCode, pulled.exitCode]).toEqual([0, 0])
      },
      TEST_MS,
    )
  })
})
