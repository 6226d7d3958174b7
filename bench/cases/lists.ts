import type { Bench, Figure, Lab, Sample } from '../bench.ts'
import { runWrk } from '../load/wrk.ts'
import type { RegistryUnderLoad } from '../registry.ts'
import { LayoutStore, tagName } from '../stores/layout-store.ts'

const SECONDS = 2
const ENTRIES = 10_000
const PAGE = 100
const STARTS = Array.from({ length: ENTRIES / PAGE }, (_, page) => page * PAGE)

/** 10,000 tags of one repository: in pages of 100, and all at once. */
export const tagLists: Bench = {
  name: 'tags',
  title: '10,000 tags of one repository, 4 connections',
  figures: [...figuresFor('page', 'a page of 100', { ratio: 50, p99Ms: 10 }), ...figuresFor('all', 'all 10,000')],
  fill: async ({ data }) => new LayoutStore(data).writeRepository('bench/tags', ENTRIES, 1),
  sample: async (registry, lab) => ({
    ...(await sampleOf(
      registry,
      lab,
      'page',
      STARTS.map((start) => `/v2/bench/tags/tags/list?n=${PAGE}&last=${tagName(start)}`),
    )),
    ...(await sampleOf(registry, lab, 'all', ['/v2/bench/tags/tags/list'])),
  }),
}

/** 10,000 repositories: in pages of 100 anywhere in the catalog. */
export const catalog: Bench = {
  name: 'catalog',
  title: 'The catalog of 10,000 repositories, 4 connections',
  figures: figuresFor('page', 'a page of 100', { ratio: 50, p99Ms: 10 }),
  fill: async ({ data }) => {
    const store = new LayoutStore(data)
    for (let number = 0; number < ENTRIES; number += 1) store.writeRepository(`bench/${tagName(number)}`, 1, 1)
  },
  sample: async (registry, lab) =>
    await sampleOf(
      registry,
      lab,
      'page',
      STARTS.map((start) => `/v2/_catalog?n=${PAGE}&last=bench/${tagName(start)}`),
    ),
}

async function sampleOf(registry: RegistryUnderLoad, lab: Lab, key: string, paths: readonly string[]): Promise<Sample> {
  const result = await runWrk({ url: registry.url, paths, connections: 4, seconds: SECONDS }, lab.folder)
  return { [`${key}-rate`]: result.requestsPerSecond, [`${key}-p99`]: result.p99Ms }
}

function figuresFor(key: string, title: string, budget?: { readonly ratio: number; readonly p99Ms: number }): Figure[] {
  const [rate, p99] = budget === undefined ? [{}, {}] : [{ ratio: budget.ratio }, { limit: budget.p99Ms }]
  return [
    { key: `${key}-rate`, title, unit: '1/s', better: 'more', ...rate },
    { key: `${key}-p99`, title: `${title}: p99`, unit: 'ms', better: 'less', ...p99 },
  ]
}
