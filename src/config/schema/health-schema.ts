import { key, list, map, requiredKey, section } from './keys.ts'
import { boolean, durationMs, filled, headerName, headerValues, remoteAddress, webUrl, wholeNumber } from './values.ts'

const repetition = {
  interval: key(durationMs, { default: '10s', example: '30s', about: 'How often to look.' }),
  threshold: key(wholeNumber(0), {
    default: '1',
    example: '3',
    about: 'After how many failures in a row the registry counts as unhealthy.',
  }),
}

const timeout = key(durationMs, { default: '5s', example: '3s', about: 'How long to wait for an answer.' })

/** What registry:2 looks at again and again to know whether it is well. */
export const health = section({
  storagedriver: section({
    enabled: key(boolean, { default: 'false', example: 'true', about: 'Looks whether the storage answers.' }),
    ...repetition,
  }),
  file: list(
    section({
      file: requiredKey(filled, { about: 'Unhealthy while this file exists.', example: '/run/out-of-service' }),
      ...repetition,
    }),
    { about: 'Files that take the registry out of service.', example: '[{file: /run/out-of-service}]' },
  ),
  http: list(
    section({
      uri: requiredKey(webUrl, { about: 'What to ask with HEAD.', example: 'http://127.0.0.1:8080/ready' }),
      headers: map(headerValues, {
        about: 'Sent with the request.',
        example: '{Accept: ["*/*"]}',
        name: headerName,
        isSecret: true,
      }),
      statuscode: key(wholeNumber(0), { default: '200', example: '204', about: 'The status that means healthy.' }),
      timeout,
      ...repetition,
    }),
    { about: 'Servers that must answer.', example: '[{uri: "http://127.0.0.1:8080/ready"}]' },
  ),
  tcp: list(
    section({
      addr: requiredKey(remoteAddress, { about: 'What must accept a connection.', example: 'db.example.com:5432' }),
      timeout,
      ...repetition,
    }),
    { about: 'Servers that must accept connections.', example: '[{addr: "db.example.com:5432"}]' },
  ),
})
