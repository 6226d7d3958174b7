import { expect, test } from 'bun:test'
import { parseStackFile } from './stack-file.ts'

const NOTHING = { name: undefined, base: undefined, add: [], entrypoints: [], executables: undefined }

test('a container is read as the course has it', () => {
  const text = `
image:
  container:
    # New image will be called registry-account-name/myapp
    name: account/myapp
    base: fpco/stack-run
    add:
      config: /app/config
      static: /app/static
`

  expect(parseStackFile(text, 'stack.yaml')).toEqual([
    {
      ...NOTHING,
      ...{ name: 'account/myapp', base: 'fpco/stack-run' },
      add: [
        { source: 'config', destination: '/app/config' },
        { source: 'static', destination: '/app/static' },
      ],
    },
  ])
})

test('several containers are read, with their programs and entry points', () => {
  const text =
    'image:\n  containers:\n  - base: a\n    entrypoints: [one, two]\n    executables: []\n  - base: b\n    executables: [x]\n'

  expect(parseStackFile(text, 'stack.yaml')).toEqual([
    { ...NOTHING, base: 'a', entrypoints: ['one', 'two'], executables: [] },
    { ...NOTHING, base: 'b', executables: ['x'] },
  ])
})

test.each([
  ['resolver: lts-5.2', 'describes no image'],
  ['', 'describes no image'],
  ['image: {container: {add: {config: }}}', 'adds a folder without saying where to'],
  ['image: {container: {add: {config: relative}}}', 'adds a folder without saying where to'],
  ['image: {container: {entrypoint: x}}', 'has a key entrypoint in its container'],
  ['image: {container: {executables: [../../bin/sh]}}', 'names a program by "../../bin/sh"'],
  ['image: {container: {entrypoints: [".."]}}', 'names a program by ".."'],
  ['image: [', 'is not valid YAML'],
])('%p is refused: it %s', (text, says) => {
  expect(() => parseStackFile(text, 'stack.yaml')).toThrow(`stack.yaml ${says}`)
})
