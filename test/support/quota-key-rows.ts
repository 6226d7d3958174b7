import type { Config, QuotaConfig } from '../../src/config/config.ts'

const QUOTA = { name: 'a', repositories: ['*/**'], limit: '10GB' }

/** The keys below `quotas`, with what stands around each, and what becomes of it. */
export const QUOTA_ROWS = [
  ['quotas', { quotas: [QUOTA] }, ({ quotas }: Config) => quotas.length, 1],
  ['quotas[].name', { quotas: [{ ...QUOTA, name: 'own' }] }, of(({ name }) => name), 'own'],
  [
    'quotas[].repositories',
    { quotas: [{ ...QUOTA, repositories: ['team/*'] }] },
    of(({ repositories }) => repositories.map(String)),
    ['team/*'],
  ],
  ['quotas[].except', { quotas: [{ ...QUOTA, except: ['b/**'] }] }, of(({ except }) => except.map(String)), ['b/**']],
  ['quotas[].each', { quotas: [{ ...QUOTA, each: true }] }, of(({ isEach }) => isEach), true],
  ['quotas[].limit', { quotas: [{ ...QUOTA, limit: '1GiB' }] }, of(({ limitBytes }) => limitBytes), 1_073_741_824],
  ['quotas[].warn', { quotas: [{ ...QUOTA, warn: '8GB' }] }, of(({ warnBytes }) => warnBytes), 8_000_000_000],
] as const

function of<Value>(read: (quota: QuotaConfig) => Value) {
  return ({ quotas: [first] }: Config): Value | undefined => first && read(first)
}
