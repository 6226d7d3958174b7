import { describe, expect, test } from 'bun:test'
import type { Descriptor } from '../../../oci/descriptor.ts'
import { digestOf } from '../../../oci/digest.ts'
import { dockerfileLine, stepsOf } from './layers.ts'

test.each([
  ['/bin/sh -c #(nop)  CMD ["nginx" "-g" "daemon off;"]', 'CMD ["nginx" "-g" "daemon off;"]'],
  ['/bin/sh -c #(nop) COPY file:abc in / ', 'COPY file:abc in /'],
  ['/bin/sh -c apt-get update && apt-get install -y curl', 'RUN apt-get update && apt-get install -y curl'],
  ['RUN /bin/sh -c apk add curl # buildkit', 'RUN apk add curl'],
  ['RUN |1 VERSION=1 /bin/sh -c make # buildkit', 'RUN make'],
  ['|2 A=1 B=2 /bin/sh -c make install', 'RUN make install'],
  ['/bin/bash -euxc make', 'RUN make'],
  ['COPY app /app # buildkit', 'COPY app /app'],
  ['ENTRYPOINT ["/app"]', 'ENTRYPOINT ["/app"]'],
  ['RUN ["make"]', 'RUN ["make"]'],
  ['bazel build //app', 'bazel build //app'],
  ['', ''],
])('%p stood in the Dockerfile as %p', (by, line) => {
  expect(dockerfileLine(by)).toBe(line)
})

describe('the steps of an image', () => {
  const [first, second] = ['first', 'second'].map(layerOf) as [Descriptor, Descriptor]
  const step = (by: string, isEmpty = false) => ({ by, isEmpty, comment: '', createdMs: undefined })

  test('go with its layers in their order, those that made none without one', () => {
    const steps = stepsOf([step('COPY a /'), step('ENV a=b', true), step('COPY b /')], [first, second])

    expect(steps).toEqual([
      { line: 'COPY a /', layer: first },
      { line: 'ENV a=b', layer: undefined },
      { line: 'COPY b /', layer: second },
    ])
  })

  test.each([
    ['fewer', [step('COPY a /')]],
    ['more', [step('COPY a /'), step('COPY b /'), step('COPY c /')]],
    ['none', []],
  ])('where %s were written down than there are layers, no step is said to have made one', (_, history) => {
    const steps = stepsOf(history, [first, second])

    expect(steps.filter(({ line, layer }) => line !== '' && layer !== undefined)).toEqual([])
    expect(steps.map(({ layer }) => layer).filter((layer) => layer !== undefined)).toEqual([first, second])
  })
})

function layerOf(text: string): Descriptor {
  return { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf('sha256', Buffer.from(text)), size: text.length }
}
