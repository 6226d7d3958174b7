import { describe, expect, test } from 'bun:test'
import { deployScript } from '../../recipes/deploy-script.ts'
import { requestIn } from './deploy.ts'

const IMAGE = 'registry.example.com:5000/team/app:v1'

describe('the words of berth deploy', () => {
  test('are hosts, the image, options of docker run, and the command of the container', () => {
    const behind = ['--publish', '80:8080', '--', '/bin/app', '--port', '8080']
    const words = ['web-1', 'web-2', IMAGE]

    expect(requestIn([...words, ...behind], ['bun', 'berth', 'deploy', ...words, '--', ...behind])).toEqual({
      hosts: ['web-1', 'web-2'],
      image: IMAGE,
      options: ['--publish', '80:8080'],
      command: ['/bin/app', '--port', '8080'],
    })
    expect(requestIn(words, ['bun', 'berth', 'deploy', ...words])).toMatchObject({ options: [], command: [] })
  })

  test.each([[[IMAGE]], [['-oProxyCommand=x', IMAGE]], [['web 1', IMAGE]]])('%p are none', (words) => {
    expect(() => requestIn(words, ['bun', 'berth', 'deploy', ...words])).toThrow(/say on which hosts|is no host/)
  })
})

test('whatever the words are, the script at the other end runs nothing but docker', async () => {
  const odd = `'; touch $(pwd)/broken; "\n`
  const deployment = {
    image: IMAGE,
    registry: 'registry.example.com:5000',
    replaces: 'app',
    options: ['--env', `A=${odd}`],
    command: [odd],
  }
  const script = deployScript({ ...deployment, login: { user: odd, password: `${odd}%s\\n` } })
  const shell = Bun.spawn(['sh'], {
    stdin: new Blob([
      `docker() { printf '<%s>' "$@"; [ "$1" = login ] && cat; echo; }\n${script.replace(' >/dev/null\n', '\n')}`,
    ]),
    stdout: 'pipe',
    stderr: 'pipe',
  })

  expect(await shell.stdout.text()).toBe(
    [
      `<login><--username><${odd}><--password-stdin><registry.example.com:5000>${odd}%s\\n`,
      `<pull><--quiet><${IMAGE}>`,
      `<run><--detach><--label><berth.deploy=true><--env><A=${odd}><${IMAGE}><${odd}>`,
      '',
    ].join('\n'),
  )
  expect(await shell.exited).toBe(0)
})
