import { expect, setDefaultTimeout, test } from 'bun:test'
import dashboard from '../../deploy/grafana/berth.json' with { type: 'json' }
import { OperatedRegistry } from '../support/operated-registry.ts'
import { expectStatus } from '../support/registry-client.ts'

setDefaultTimeout(120_000)

/** What stands before a selector: `name{`. */
const METRIC = /([a-z0-9_]+)\{/g

test('the dashboard asks only for metrics that there are', async () => {
  await using registry = await OperatedRegistry.start('Berth')
  await expectStatus(await registry.client.request('POST', '/v2/a/blobs/uploads/'), 202)

  const { body } = await registry.debug('/metrics')

  const known = new Set([...String(body).matchAll(/^([a-z0-9_]+)[ {]/gm)].map(([, name]) => name))
  const expressions = dashboard.panels.flatMap((panel) => panel.targets.map(({ expr }) => expr))
  const asked = new Set(expressions.flatMap((expression) => [...expression.matchAll(METRIC)].map(([, name]) => name)))
  expect(asked.size).toBeGreaterThan(15)
  expect([...asked].filter((name) => !known.has(name))).toEqual([])
})
