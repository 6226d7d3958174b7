import { beforeAll, expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BUILD_MS, buildGoProgram, GO } from '../support/go-program.ts'
import { buildKubernetesReader } from '../support/kubernetes-reader.ts'
import { environmentIn, type Outcome, run, runToSuccess } from '../support/processes.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const HELM = { source: 'helm.sh/helm/v3/cmd/helm', version: 'v3.22.0' } as const
const DEPLOY = join(import.meta.dir, '../../deploy')
const CHART = join(DEPLOY, 'helm/berth')
/** Of a cluster; without one helm takes a number of its own. */
const CLUSTER = ['--kube-version', '1.31.0']
const KINDS = ['ConfigMap', 'Deployment', 'PodDisruptionBudget', 'Service']

describeWith({ programs: [GO] }, 'for Kubernetes', () => {
  let helm: string
  let reader: string

  beforeAll(async () => {
    helm = await buildGoProgram(HELM.source, HELM.version)
    reader = await buildKubernetesReader()
  }, 2 * BUILD_MS)

  test.each(['berth.yaml', 'replicas.yaml'])('%s has kinds and fields of its API alone', async (name) => {
    const read = await readBy(reader, await readFile(join(DEPLOY, 'kubernetes', name), 'utf8'))

    expect(read).toMatchObject({ exitCode: 0, stderr: '' })
  })

  test('the chart is one that helm has nothing to say against', async () => {
    using folder = new TemporaryFolder()

    const linted = await run([helm, 'lint', '--strict', CHART], { environment: environmentIn(folder.path) })

    expect(linted).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('1 chart(s) linted, 0 chart(s) failed') })
  })

  test.each([
    ['as it comes', [], KINDS],
    ['with an ingress', ['--set', 'ingress.enabled=true,ingress.className=nginx,ingress.tlsSecret=tls'], [...KINDS, 'Ingress']],
    ['without keys of the store', ['--set', 'secret.withKeys=false,replicaCount=5'], KINDS],
    ['with places for its pods', ['--set', 'nodeSelector.disk=ssd,podAnnotations.a=b,imagePullSecrets[0].name=pull'], KINDS],
    ['with tolerations', ['--set', 'tolerations[0].key=registry,tolerations[0].operator=Exists'], KINDS],
  ])('the chart gives kinds and fields of its API, %s', async (_, words, kinds) => {
    using folder = new TemporaryFolder()
    const environment = environmentIn(folder.path)

    const rendered = await runToSuccess([helm, 'template', 'registry', CHART, ...CLUSTER, ...words], { environment })
    const read = await readBy(reader, rendered)

    expect(read).toMatchObject({ exitCode: 0, stderr: '' })
    expect(read.stdout.trim().split('\n').sort()).toEqual([...kinds].sort())
  })

  test('a field that the API does not have is found', async () => {
    const read = await readBy(reader, 'apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {port: 1}\n')

    expect(read).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('unknown field "spec.port"') })
  })
})

async function readBy(reader: string, manifests: string): Promise<Outcome> {
  using folder = new TemporaryFolder()
  return await run([reader], { environment: environmentIn(folder.path), stdin: new TextEncoder().encode(manifests) })
}
