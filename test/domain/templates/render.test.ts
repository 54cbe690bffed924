import fc from 'fast-check'
import { parseFragment, type DefaultTreeAdapterTypes } from 'parse5'
import t from 'tap'
import { tokensOf } from '../../../src/domain/templates/html-tokens.ts'
import {
  fill,
  refuseMissing,
  refuseProblems,
  variableProblems,
} from '../../../src/domain/templates/render.ts'
import { findVariables, valuesOf, variables, type Values } from '../../../src/domain/templates/variables.ts'
import { nothingVisible } from '../../../src/domain/visibility.ts'
import { anyCharacter } from '../../support/any-character.ts'
import { runs } from '../../support/long-runs.ts'

const everything = (value: string): Values =>
  Object.fromEntries(Object.keys(variables).map((name) => [name, value]))

const html = (source: string, values: Values, signature?: string) =>
  fill(source, 'html', values, { signature: signature ?? null })

t.test('a value is written for the place where it stands', async (t) => {
  const values = everything(`A&B <i>"O'Neil" 50%`)
  const cases: [string, string][] = [
    ['<p>Hi {contact.first_name}!</p>', '<p>Hi A&amp;B &lt;i&gt;&quot;O&#39;Neil&quot; 50%!</p>'],
    ['<p title="{deal.name}">', '<p title="A&amp;B &lt;i&gt;&quot;O&#39;Neil&quot; 50%">'],
    [
      `<a href='https://x.test/?q={deal.name}&amp;r=1'>`,
      `<a href='https://x.test/?q=A%26B%20%3Ci%3E%22O&#39;Neil%22%2050%25&amp;r=1'>`,
    ],
    [
      '<title>{user.name}</title>',
      '<title>&#65;&#38;B&#32;&#60;i&#62;&#34;O&#39;Neil&#34;&#32;50&#37;</title>',
    ],
    [
      '<!--[if mso]>{user.name}<![endif]-->',
      '<!--[if mso]>&#65;&#38;B&#32;&#60;i&#62;&#34;O&#39;Neil&#34;&#32;50&#37;<![endif]-->',
    ],
  ]
  for (const [source, expected] of cases)
    t.same(html(source, values), { text: expected, missing: [], problems: [] })
  t.equal(fill('Re {deal.name}', 'text', values).text, `Re A&B <i>"O'Neil" 50%`)
  t.equal(fill('{deal.name}', 'header', everything('a\r\nBcc: x@y.test\0\u2028z')).text, 'a Bcc: x@y.test z')
  t.equal(
    html('<a href="mailto:{contact.email}?subject=Re%20{deal.name}">', everything('a+b@c.test')).text,
    '<a href="mailto:a+b@c.test?subject=Re%20a+b@c.test">',
  )
  t.equal(
    html('<p>&{deal.name} &#6{deal.name}</p>', everything('lt;&')).text,
    '<p>&&#108;t;&amp; &#6&#108;t;&amp;</p>',
  )
})

t.test('fallbacks stand in for what is missing, and only for that', async (t) => {
  t.same(html('Hi {contact.first_name|there}', {}), { text: 'Hi there', missing: [], problems: [] })
  t.equal(html('Hi {contact.first_name|there}', { 'contact.first_name': 'Ann' }).text, 'Hi Ann')
  t.equal(
    html('Hi { contact.first_name |Smith &amp; Co}', { 'contact.first_name': '  ' }).text,
    'Hi Smith &amp; Co',
  )
  t.equal(
    html('<a href="https://x.test/{deal.name|a &amp; b}">', {}).text,
    '<a href="https://x.test/a%20%26%20b">',
  )
  t.equal(html('Hi {contact.first_name|}!', {}).text, 'Hi !')
  const { text, missing } = html('{deal.name} {contact.first_name} {deal.name}', {
    'contact.first_name': 'Ann',
  })
  t.same({ text, missing }, { text: '{deal.name} Ann {deal.name}', missing: ['deal.name'] })
  t.throws(() => refuseMissing([{ variable: 'deal.name', where: 'subject' }]), {
    code: 'variable-without-value',
    details: { missing: [{ variable: 'deal.name', where: 'subject' }] },
  })
  refuseMissing([])
})

t.test('an unknown variable is named, with what was probably meant', async (t) => {
  const meant: [string, string | null][] = [
    ['{contact.frist_name}', 'contact.first_name'],
    ['{contact.firstname}', 'contact.first_name'],
    ['{Contact.First_Name}', 'contact.first_name'],
    ['{first_name}', 'contact.first_name'],
    ['{user.phon}', 'user.phone'],
    ['{invoice.total_with_tax}', null],
  ]
  for (const [written, nearest] of meant)
    t.match(
      variableProblems(`x ${written}`, 'header'),
      [{ problem: 'unknown', variable: written, nearest }],
      written,
    )
  t.throws(() => refuseProblems([{ ...variableProblems('{user.nmae}', 'text')[0]!, where: 'body' }]), {
    code: 'unknown-variable',
    message: 'There is no variable {user.nmae}; did you mean {user.name}? (in the body)',
    remedy: /\{user\.name\}, .*\{signature\}/,
    details: { problems: [{ variable: '{user.nmae}', nearest: 'user.name', where: 'body' }] },
  })
  refuseProblems([])
})

t.test('a variable is refused where no value could be written safely, or would be seen', async (t) => {
  const misplaced = [
    '<a href="{contact.company}">',
    '<a href="https://{contact.company}/x">',
    '<a href="https://x.test{contact.company}">',
    '<a href="https://x&#46;{contact.company}/">',
    '<a href="java{user.name}">',
    '<a href={contact.email}>',
    '<a {contact.email}>',
    '<{user.name}',
    '</{user.name}>',
    '<p ={user.name|a b}>',
    '<p style="color:{user.name}">',
    '<p onclick="{user.name}">',
    '<style>p { color: {user.name} }</style>',
    '<script>{user.name}</script>',
    '<svg><title>{user.name}',
    '<svg></svg><p>{user.name}</p>',
    '<iframe>{user.name}</iframe>',
    '<meta content="0;url=https://x.test/{user.name}">',
    '<p>{{contact.first_name}}</p>',
    '<p>{contact.<b>first_name</b>}</p>',
    '<p>{contact.first_name|<b>there</b>}</p>',
    '<p title="{signature}">',
    '<!-- {signature} -->',
  ]
  for (const source of misplaced)
    t.match(
      html(source, everything('x'), 'S'),
      { problems: [{ problem: 'misplaced' }], text: source },
      source,
    )
  t.match(variableProblems('{signature}', 'header'), [{ problem: 'misplaced' }])
  t.throws(() => refuseProblems([{ ...variableProblems('<a {user.name}>', 'html')[0]!, where: 'body' }]), {
    code: 'misplaced-variable',
  })
})

t.test('the signature goes in once, as it is, and is not read again', async (t) => {
  const signature = '<b>{user.name}</b>{signature}'
  t.equal(
    html('<p>a</p>{signature}<p>{signature}</p>', everything('x'), signature).text,
    `<p>a</p>${signature}<p></p>`,
  )
  t.same(html('{signature}', {}, ' '), { text: ' ', missing: [], problems: [] }, 'there is none')
  t.same(html('{signature}', {}).missing, ['signature'], 'it is not known')
  t.same(html('{signature|Bye}', {}), { text: 'Bye', missing: [], problems: [] })
})

t.test('what is quoted stays as it was written', async (t) => {
  const source = '{user.name}<blockquote>{user.phone} {foo.bar} {first_<i>name</i>}</blockquote>{user.name}'
  const quoted = { start: source.indexOf('<block'), end: source.indexOf('</block') }
  t.same(fill(source, 'html', everything('x'), { verbatim: [quoted] }), {
    text: source.replaceAll('{user.name}', 'x'),
    missing: [],
    problems: [],
  })
})

t.test('the values come from the records, and company.name is the organisation', async (t) => {
  const values = valuesOf({
    user: { name: 'Jo Smith', title: ' ' },
    organization: { name: 'Acme', timeZone: 'UTC', ...nothingVisible },
    contact: { firstName: 'Ann', emails: ['ann@x.test'] },
    contactAddress: null,
    company: { name: 'Xenon', domains: [] },
    deal: null,
    account: { address: 'jo@acme.test', displayName: '' },
  })
  t.same(values, {
    'user.name': 'Jo Smith',
    'company.name': 'Acme',
    'contact.first_name': 'Ann',
    'contact.full_name': 'Ann',
    'contact.email': 'ann@x.test',
    'contact.company': 'Xenon',
    'account.email': 'jo@acme.test',
    'account.name': 'Jo Smith',
  })
  const nobody = {
    user: null,
    organization: null,
    contact: null,
    contactAddress: null,
    company: null,
    deal: null,
    account: null,
  }
  t.same(valuesOf(nobody), {})
})

// ---------------------------------------------------------------- laws

const pieces = fc.constantFrom(
  ...(
    `<p>¦</p>¦<b title="¦">¦<i title='¦'>¦<a href="https://x.test/?a=¦<img alt="x" src='https://x.test/¦<br/>¦<!--¦` +
    `-->¦--!>¦<!-->¦<!doctype html>¦<?x¦>¦<¦</¦"¦'¦=¦/¦ ¦\n¦&¦&#6¦&amp¦;¦<style>¦</style>¦<title>¦</title >¦` +
    `<textarea>¦</textarea/x>¦<svg>¦<xmp>¦</XMP>¦<noscript>¦<plaintext>¦<table>¦<td>¦</table>¦<a\ntitle = "¦ x=¦` +
    `<p =¦text¦{¦}¦{color:red}¦{{¦}}¦|¦<![CDATA[¦]]>¦<select>¦</select>¦<script>¦</script>¦<template>¦<math>¦` +
    `<P CLASS=x ¦<body style="¦<a href="mailto:`
  ).split('¦'),
)
const placed = fc.constantFrom('{contact.first_name}', '{ deal.name }', '{user.name|a &lt; b}')
const sources = fc
  .array(fc.oneof({ weight: 3, arbitrary: pieces }, { weight: 1, arbitrary: placed }), { maxLength: 14 })
  .map((parts) => parts.join(''))
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '<',
        '>',
        '"',
        "'",
        '&',
        '`',
        '=',
        '/',
        '--',
        '-->',
        '</title>',
        '<script>',
        '{user.name}',
        '{signature}',
        '\n',
        ' ',
        '&lt;',
        'lt;',
        '\\',
        '%',
        '\u2028',
        'é',
        '\ud800',
      ),
      fc.string({ maxLength: 4, unit: anyCharacter }),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) =>
    parts
      .join('')
      .toWellFormed()
      .replaceAll(/[\p{Cc}\u2028\u2029]/gu, '.')
      .trim(),
  )
  .filter((value) => value !== '')

t.test('law: tokens cover the source without a gap', async (t) => {
  fc.assert(
    fc.property(sources, (source) => {
      t.equal(
        tokensOf(source)
          .map(({ start, end }) => source.slice(start, end))
          .join('') === source,
        true,
      )
    }),
    { numRuns: 500 },
  )
})

t.test('law: no value changes the structure of the HTML, and each reads back as it was', async (t) => {
  let filled = 0
  const MARK = 'xMARKx'
  fc.assert(
    fc.property(sources, hostile, (source, value) => {
      const real = html(source, everything(value))
      if (real.problems.length > 0 || real.text === source) return
      filled++
      const encoded = encodeURIComponent(value)
      const expected = outline(parseFragment(html(source, everything(MARK)).text), (text, place) => {
        if (place === 'comment') return text.replaceAll(references(MARK), references(value))
        if (place === 'text') return text.replaceAll(MARK, value)
        return text.replaceAll(
          MARK,
          text.startsWith('http') ? encoded : encoded.replaceAll('%40', '@').replaceAll('%2B', '+'),
        )
      })
      const actual = outline(parseFragment(real.text), (text) => text)
      if (actual !== expected) throw new Error(`${JSON.stringify(real.text)}\n${actual}\n${expected}`)
    }),
    { numRuns: runs(2000, 5000) },
  )
  t.ok(filled > 500, `${filled} texts had a value filled in`)
})

const references = (value: string): string =>
  value.replaceAll(/^.|[^\p{L}\p{N}]/gsu, (character) => `&#${character.codePointAt(0)};`)

type Node = DefaultTreeAdapterTypes.Node
const outline = (node: Node, read: (text: string, place: 'text' | 'comment' | 'link') => string): string => {
  if (node.nodeName === '#text') return read((node as DefaultTreeAdapterTypes.TextNode).value, 'text')
  if (node.nodeName === '#comment')
    return `<!--${read((node as DefaultTreeAdapterTypes.CommentNode).data, 'comment')}-->`
  const { attrs, childNodes, content } = { attrs: [], content: null, ...(node as object) } as unknown as {
    attrs: { name: string; value: string }[]
    childNodes: Node[]
    content: Node | null
  }
  return `(${node.nodeName} ${attrs.map(({ name, value }) => `${name}=${read(value, ['href', 'src'].includes(name) ? 'link' : 'text')}`).join(' ')}: ${[...childNodes, ...(content ? [content] : [])].map((child) => outline(child, read)).join('')})`
}

t.test('law: a text without variables is left as it is, in every form', async (t) => {
  const texts = fc
    .oneof(sources, fc.string({ unit: anyCharacter, maxLength: 60 }))
    .filter(
      (text) => findVariables(text.replaceAll(/<[^>]*>/g, '')).length + findVariables(text).length === 0,
    )
  fc.assert(
    fc.property(texts, fc.constantFrom('html' as const, 'text' as const, 'header' as const), (text, form) => {
      const filled = fill(text, form, everything('x'), { signature: 'S' })
      if (filled.text !== text || filled.missing.length > 0) throw new Error(filled.text)
    }),
    { numRuns: runs(1000, 2000) },
  )
  t.pass()
})

t.test('law: whatever is not filled in is named as missing or as a problem', async (t) => {
  fc.assert(
    fc.property(sources, (source) => {
      const { text, missing, problems } = html(source, {})
      const left = findVariables(text).length > 0
      if (left && missing.length === 0 && problems.length === 0) throw new Error(text)
    }),
    { numRuns: runs(1000, 2000) },
  )
  t.pass()
})
