import t from 'tap'
import { checkSignature, templateCompiler } from '../../../src/adapters/mjml/compile.ts'
import { unsafeMarkup } from '../../../src/adapters/mjml/unsafe-markup.ts'
import type { Refused } from '../../../src/domain/refusal.ts'
import { fill, variableProblems } from '../../../src/domain/templates/render.ts'
import { findVariables } from '../../../src/domain/templates/variables.ts'

const compiler = templateCompiler()
t.teardown(() => compiler.close())

const mjml = (column: string, head = '') =>
  `<mjml><mj-head>${head}</mj-head><mj-body>\n<mj-section><mj-column>\n${column}\n</mj-column></mj-section></mj-body></mjml>`

t.test('MJML becomes HTML in which every variable still stands, where a value can be written', async (t) => {
  const source = mjml(
    `<mj-text css-class="a">Hi {contact.first_name|Smith &amp; Co}, 5 &lt; 6 é 😀 <a href="https://x.test/?n={contact.email}">x</a></mj-text>
    <mj-button href="https://x.test/{deal.name}">Go {deal.amount|"soon"}</mj-button>
    <mj-image alt="{company.name|A &quot;B&quot;}" src="https://x.test/a.png"/><mj-text>{signature}</mj-text>`,
    '<mj-title>{deal.name}</mj-title><mj-preview>{user.name}</mj-preview><mj-style inline="inline">.a { color: red }</mj-style>',
  )
  const html = await compiler.compile({ format: 'mjml', source })
  const names = (text: string) =>
    new Set(findVariables(text).map(({ name, fallback }) => `${name} ${fallback}`))
  t.same(names(html), names(source))
  t.same(variableProblems(html, 'html'), [])
  t.match(html, 'color: red')
  t.notMatch(html, /googleapis/, 'nothing is loaded from elsewhere')
  const { text, missing } = fill(
    html,
    'html',
    { 'deal.name': '<b>', 'contact.email': 'a@x.test', 'user.name': 'Jo' },
    { signature: '<i>me</i>' },
  )
  t.same(missing, [])
  t.match(text, 'Hi Smith &amp; Co, 5 &lt; 6 é 😀 <a href="https://x.test/?n=a%40x.test">')
  t.match(text, 'href="https://x.test/%3Cb%3E"')
  t.match(text, 'alt="A &quot;B&quot;"')
  t.match(text, '><i>me</i><')
})

t.test('errors come as a list with line and message', async (t) => {
  const invalid = async (source: string, errors: { line: number | null; message: string | RegExp }[]) =>
    t.rejects(
      compiler.compile({ format: 'mjml', source }),
      { code: 'template-invalid', details: { errors } },
      source,
    )
  await invalid(mjml('<mj-txt>a</mj-txt>\n<mj-text colour="red">b</mj-text>'), [
    { line: 3, message: /mj-txt doesn't exist/ },
    { line: 4, message: /colour is illegal/ },
  ])
  await invalid('', [{ line: null, message: /not MJML/ }])
  await invalid('<p>Hi</p>', [{ line: 1, message: /Element p/ }])
  await invalid(mjml('<mj-include path="/etc/passwd" type="html"/>'), [{ line: 3, message: /mj-include/ }])
  const many = await compiler
    .compile({ format: 'mjml', source: mjml('<mj-x/>\n'.repeat(50)) })
    .catch((error: unknown) => error)
  const { details, message } = many as Refused
  t.equal((details as { errors: unknown[] }).errors.length, 20)
  t.notMatch(JSON.stringify(details) + message, process.cwd(), 'no path of the machine is told')
})

t.test('what runs code is refused in bodies of both formats and in signatures, and named', async (t) => {
  const cases: [string, string][] = [
    ['<script>x</script>', 'script-element'],
    ['<svg><script>x</script></svg>', 'script-element'],
    ['<template><script>x</script></template>', 'script-element'],
    ['<img src=x onerror="x()">', 'event-handler'],
    ['<p/onclick=x>', 'event-handler'],
    ['<a href="javascript:x()">', 'script-url'],
    ['<a href=" jav&#x61;scr\n\tipt:x()">', 'script-url'],
    ['<svg><a xlink:href="JavaScript&colon;x">', 'script-url'],
    ['<svg><animate attributeName=href values="#a;javascript:x">', 'script-url'],
    ['<iframe src="data:text/html,x">', 'script-url'],
    ['<img srcset="data:image/svg+xml,x 1x">', 'script-url'],
    ['<meta http-equiv=refresh content="0;url=javascript:x">', 'script-url'],
    ['<iframe srcdoc="x">', 'nested-document'],
  ]
  for (const [html, kind] of cases) {
    t.match(unsafeMarkup(`<p>\n${html}`), [{ kind, line: /^[23]$/ }], html)
    t.throws(() => checkSignature(html), { code: 'unsafe-markup' })
  }
  t.match(unsafeMarkup('<p><body onload=x>'), [{ kind: 'event-handler', what: 'onload of <body>' }])
  const script = '<mj-text>\n<a href="javascript:x()">a</a></mj-text>'
  await t.rejects(compiler.compile({ format: 'mjml', source: mjml(script) }), {
    code: 'unsafe-markup',
    message: /href of <a> \(line \d+\)/,
    details: { found: [{ kind: 'script-url', what: 'href of <a>' }] },
  })
  await t.rejects(compiler.compile({ format: 'html', source: '<p>\n<b onclick=x>' }), {
    code: 'unsafe-markup',
    message: /onclick of <b> \(line 2\)/,
  })
  const harmless =
    '<p title="javascript: the good parts"><a href="https://x.test/?a=javascript:x">x</a><img src="data:image/png;base64,AA">'
  t.same(unsafeMarkup(harmless), [])
  t.equal(
    await compiler.compile({ format: 'html', source: harmless }),
    harmless,
    'HTML goes through as it is',
  )
  checkSignature(`${harmless}{user.name}`)
  t.throws(() => checkSignature('{user.nam}'), { code: 'unknown-variable', message: /in the signature/ })
  t.equal(unsafeMarkup('<b>'.repeat(20_000)).length, 0, 'depth does no harm')
})

t.test('code is taken out of what is sent, and everything else is left', async (t) => {
  const harmless = '<p title="x">Hello &amp; <b>you</b><br>there'
  t.equal(await compiler.withoutCode(harmless), harmless, 'byte for byte')
  for (const html of [
    '<p>a<script>x()</script>b</p>',
    '<div onclick="x()" class="c"><a href="javascript:x()">a</a><a href="https://x.test/">b</a></div>',
    '<template><script>x</script><p onload=x>b</p></template>',
    '<svg><a xlink:href="JavaScript&colon;x">b</a></svg><body onload=x>',
    `${'<b>'.repeat(20_000)}<script>x</script>`,
  ]) {
    const clean = await compiler.withoutCode(html)
    t.same(unsafeMarkup(clean), [], html.slice(0, 40))
    t.notMatch(clean, /x\(\)|javascript/i)
  }
  const clean = await compiler.withoutCode(
    '<p onclick=x>Dear <b>Ann</b>, <a href="https://x.test/?a=1&amp;b=2">read</a></p>',
  )
  t.match(clean, '<p>Dear <b>Ann</b>, <a href="https://x.test/?a=1&amp;b=2">read</a></p>')
})

t.test('a body that takes too long is refused, and the next one is compiled', async (t) => {
  const deep = { format: 'html' as const, source: '<a><b><i>'.repeat(166_000) }
  const hasty = templateCompiler({ timeLimitMs: 4000 })
  t.teardown(() => hasty.close())
  const [first, second] = await Promise.allSettled([
    hasty.compile(deep),
    // HTML, whose thread is ready at once however busy the machine is.
    hasty.compile({ format: 'html', source: '<p>b</p>' }),
  ])
  t.match(first, { status: 'rejected', reason: { code: 'template-too-complex' } })
  t.match(second, { status: 'fulfilled', value: />b</ })
})

t.test(
  'a compiled body is kept, and waiting compilations keep their order and their own results',
  async (t) => {
    const sources = Array.from({ length: 30 }, (_, index) => `<p>${index}`)
    const compiled = await Promise.all(sources.map((source) => compiler.compile({ format: 'html', source })))
    t.same(compiled, sources)
    const source = mjml('<mj-text>kept</mj-text>')
    const first = await compiler.compile({ format: 'mjml', source })
    await compiler.close()
    t.equal(await compiler.compile({ format: 'mjml', source }), first, 'no thread is needed for it')
  },
)
