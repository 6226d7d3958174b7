import { expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { containerConfig } from '../../scripts/image/container-config.ts'

test('the Dockerfile makes containers that run as those of `npm run image` do', async () => {
  const text = await readFile(join(import.meta.dir, '../../Dockerfile'), 'utf8')
  const image = text.slice(text.lastIndexOf('FROM ')).replaceAll(/\\\n */g, '')
  const instruction = (name: string) => new RegExp(`^${name} (.*)$`, 'm').exec(image)?.[1] ?? ''
  const { Entrypoint, Cmd, Env, ExposedPorts, Volumes, StopSignal, Healthcheck, Labels } = containerConfig
  const { Test, Interval, Timeout, StartPeriod } = Healthcheck

  expect(JSON.parse(instruction('ENTRYPOINT'))).toEqual(Entrypoint)
  expect(JSON.parse(instruction('CMD'))).toEqual(Cmd)
  expect([instruction('ENV')]).toEqual(Env)
  expect(`${instruction('EXPOSE')}/tcp`).toBe(Object.keys(ExposedPorts).join())
  expect(JSON.parse(instruction('VOLUME'))).toEqual(Object.keys(Volumes))
  expect(instruction('STOPSIGNAL')).toBe(StopSignal)
  const times = `--interval=${seconds(Interval)} --timeout=${seconds(Timeout)} --start-period=${seconds(StartPeriod)}`
  expect(instruction('HEALTHCHECK')).toBe(`${times} CMD ${JSON.stringify(Test.slice(1)).replace(',', ', ')}`)
  // The version is in the program; in a file it would have to be kept.
  const labels = Object.entries(Labels).filter(([name]) => !name.endsWith('.version'))
  expect(instruction('LABEL')).toBe(labels.map(([name, value]) => `${name}="${value}"`).join(' '))
})

test('the Dockerfile names every base by its digest', async () => {
  const text = await readFile(join(import.meta.dir, '../../Dockerfile'), 'utf8')
  const bases = [...text.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base)

  expect(bases.filter((base) => base !== 'scratch')).toEqual([
    expect.stringMatching(/^node:[0-9.]+-bookworm-slim@sha256:[0-9a-f]{64}$/),
  ])
})

function seconds(nanoseconds: number): string {
  return `${nanoseconds / 1e9}s`
}
