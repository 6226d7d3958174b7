import { optionalKey } from '../keys.ts'
import { httpProxy, text } from '../values.ts'

/** How another registry is reached: keys of `proxy` and of each mirror. */
export const way = {
  ca: optionalKey(text, {
    about: 'A file with the authorities of its certificate, in PEM form; they are trusted beside those of the system.',
    example: '/etc/berth/upstream-ca.crt',
  }),
  httpproxy: optionalKey(httpProxy, {
    about:
      'The HTTP proxy through which it is reached, also by https; none: no proxy. Left out: the one that HTTPS_PROXY or HTTP_PROXY names.',
    example: 'http://proxy.example.com:3128',
  }),
}
