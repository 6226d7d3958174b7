import { describe, expect, test } from 'bun:test'
import { Address, type Html, html } from './html.ts'

test('what a template is given is escaped, however deep it lies, and what another template made is not', () => {
  const text = `<script>"a" & 'b'</script>`

  expect(`${html`<b title="${text}">${[text, [html`<i>${text}</i>`]]}</b>`}`).toBe(
    '<b title="&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;">' +
      '&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;' +
      '<i>&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;</i></b>',
  )
})

test('undefined and false are nothing, and 0 is a number', () => {
  expect(`${html`<p>${undefined}${false}${0}</p>`}`).toBe('<p>0</p>')
})

test('characters that nobody sees, and those that turn a text around, are left out; lines stay', () => {
  expect(`${html`<p>${'a\u0000\u001b[31m\u202eb\u2066\u200bc\ud800\ufeff\n\td'}</p>`}`).toBe('<p>a[31mbc\n\td</p>')
})

describe('a template throws', () => {
  test.each<[string, () => Html]>([
    ['for a link from a text', () => html`<a href="${'javascript:alert(1)'}">a</a>`],
    ['for a link that begins with a text of its own', () => html`<a href="/a${Address.here('/b')}">a</a>`],
    ['for the target of a form from a text', () => html`<form action="${'/a'}"></form>`],
    ['for a value without quotes', () => html`<input value=${'a'}>`],
    ['for a value in single quotes', () => html`<input value='${'a'}'>`],
    ['for code from a value', () => html`<a onclick="${'alert(1)'}">a</a>`],
    ['for style from a value', () => html`<a style="color: ${'red'}">a</a>`],
  ])('%s', (_, make) => {
    expect(make).toThrow()
  })
})

describe('an address', () => {
  test.each(['//evil.example', '/\\evil.example', 'https://evil.example', 'a', ''])('of this registry is not %p', (path) => {
    expect(() => Address.here(path)).toThrow()
  })

  test.each([
    ['https://example.com/a?b="c"', 'https://example.com/a?b=%22c%22'],
    ['http://example.com', 'http://example.com/'],
    ['javascript:alert(1)', undefined],
    ['JavaScript:alert(1)', undefined],
    ['\tjava\nscript:alert(1)', undefined],
    ['data:text/html,<script>alert(1)</script>', undefined],
    ['git@example.com:team/app', undefined],
    ['a text', undefined],
  ])('of a page: %p is %p', (text, address) => {
    expect(Address.findPage(text)?.toString()).toBe(address)
  })
})
