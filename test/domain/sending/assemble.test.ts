import t from 'tap'
import {
  assemble,
  refuseIncomplete,
  replySubject,
  threading,
  type Writing,
} from '../../../src/domain/sending/assemble.ts'
import { quotationsIn, startOfTrailingQuotation } from '../../../src/domain/sending/quotation.ts'
import { variables, type VariableName } from '../../../src/domain/templates/variables.ts'

const full = Object.fromEntries(Object.keys(variables).map((name) => [name, `<${name}>`]))

const writing = (over: Partial<Writing>): Writing => ({
  draft: { subject: '', html: '' },
  template: null,
  signature: '',
  values: full,
  parent: null,
  ...over,
})

t.test('a template fills what the draft leaves empty, and nothing else', async (t) => {
  const template = { subject: 'About {deal.name}', html: '<p>Hi {contact.first_name}</p>' }
  t.match(assemble(writing({ template })), {
    subject: 'About <deal.name>',
    html: '<p>Hi &lt;contact.first_name&gt;</p>',
    missing: [],
    problems: [],
  })
  t.match(assemble(writing({ template, draft: { subject: ' Mine ', html: 'Own {user.name}' } })), {
    subject: 'Mine',
    html: 'Own &lt;user.name&gt;',
  })
  t.match(assemble(writing({})), { subject: '', html: '' })
})

t.test('the signature appears once, where it is placed, else below the text', async (t) => {
  const signature = '<b>{user.name}</b>'
  const signed = '<div class="mailtrail-signature"><b>&lt;user.name&gt;</b></div>'
  const html = (text: string, parent: Writing['parent'] = null) =>
    assemble(writing({ draft: { subject: 's', html: text }, signature, parent })).html
  t.equal(html('<p>Hi</p>{signature}<p>PS {signature}</p>'), `<p>Hi</p>${signed}<p>PS </p>`)
  t.equal(html('<p>Hi</p>'), `<p>Hi</p>\n${signed}`)
  t.equal(html('<html><body><p>Hi</p></body></html>'), `<html><body><p>Hi</p>\n${signed}</body></html>`)
  t.equal(html('<p>I <'), `<p>I <\n${signed}`)
  t.equal(html(`<p>Hi</p>${signed}`), `<p>Hi</p>${signed}`, 'a preview that comes back is not signed again')

  const parent = { subject: 'x' }
  const quote = `<div class="gmail_quote">On Monday<blockquote>{signature} {user.phone}${signed}</blockquote></div>`
  t.equal(html(`<p>Yes</p>${quote}<br>`, parent), `<p>Yes</p>\n${signed}${quote}<br>`)
  t.equal(html(`<p>Yes</p>{signature}${quote}`, parent), `<p>Yes</p>${signed}${quote}`)
  t.equal(
    html('<blockquote>a?</blockquote>Yes<blockquote>b?</blockquote>No', parent),
    `<blockquote>a?</blockquote>Yes<blockquote>b?</blockquote>No\n${signed}`,
    'answers between quotations are signed at the end',
  )
  t.equal(assemble(writing({ draft: { subject: 's', html: '<p>Hi</p>' }, signature: ' ' })).html, '<p>Hi</p>')
})

t.test('no variable is read in what others wrote', async (t) => {
  const html = '{user.name}<blockquote>{user.phone} {foo.bar} </blockquote> {deal.amount}</blockquote>'
  const reply = assemble(
    writing({ draft: { subject: '', html }, parent: { subject: '{deal.amount} {foo.bar}' } }),
  )
  t.same(reply, {
    subject: 'Re: {deal.amount} {foo.bar}',
    html: html.replace('{user.name}', '&lt;user.name&gt;'),
    missing: [],
    problems: [],
    warnings: [],
  })
  t.match(
    assemble(writing({ draft: { subject: 's', html } })).problems,
    [{ problem: 'unknown' }],
    'only in replies',
  )
})

t.test('every variable missing in turn is told, in subject, body and signature', async (t) => {
  for (const name of Object.keys(variables) as VariableName[]) {
    const { [name]: _, ...values } = full
    const draft = { subject: `S {${name}}`, html: `<p>{${name}} {${name}|ok}</p>` }
    const assembled = assemble(writing({ draft, signature: `{${name}}`, values }))
    const missing = ['subject', 'body', 'signature'].map((where) => ({ variable: name, where }))
    t.same(assembled.missing, missing)
    t.throws(() => refuseIncomplete(assembled), { code: 'variable-without-value', details: { missing } })
    refuseIncomplete(assemble(writing({ draft, signature: `{${name}}` })))
  }
  t.match(assemble(writing({ draft: { subject: 's', html: 'x {signature}' } })), {
    html: 'x ',
    missing: [],
    warnings: [{ code: 'no-signature' }],
  })
  const unused = writing({
    draft: { subject: 's', html: '<i class="mailtrail-signature">me</i>' },
    signature: '{user.nme}',
  })
  t.same(assemble(unused).problems, [], 'a signature that is not used does no harm')
  t.throws(() => refuseIncomplete(assemble({ ...unused, draft: { subject: 's', html: 'x' } })), {
    code: 'unknown-variable',
    message: /in the signature/,
  })
})

const same = (subject: string): [string, string] => [subject, subject]
const answered = (subject: string): [string, string] => [subject, `Re: ${subject}`]

t.test('a reply has Re: once, in any language, and its thread’s headers', async (t) => {
  const subjects: [string, string][] = [
    ['Offer', 'Re: Offer'],
    ['RE: Offer', 'RE: Offer'],
    ['re[2]: Offer', 're[2]: Offer'],
    ['AW : Angebot', 'AW : Angebot'],
    ...[
      'SV: x',
      'Antw: x',
      'VS: x',
      'Odp: x',
      'YNT: x',
      'R: x',
      'RIF: x',
      'RES: x',
      'Vá: x',
      'Отв: x',
      'ΑΠ: x',
      'Re(3): x',
      'RE : x',
    ].map(same),
    ...[
      '回复: x',
      '回复：x',
      '答复: x',
      '回覆: x',
      '返信: x',
      '답장: x',
      'השב: x',
      'رد: x',
      'TL: x',
      '[sales] Re: x',
    ].map(same),
    ...['Fwd: x', 'WG: x', 'TR: x', 'RV: x', '转发: x', 'Ref: x', 'Resume: x', 'Antwerp: x'].map(answered),
    ['Regarding: x', 'Re: Regarding: x'],
    [' a\r\nBcc: b@x.test ', 'Re: a Bcc: b@x.test'],
    ['', 'Re:'],
    ['x'.repeat(2000), `Re: ${'x'.repeat(250)}…`],
  ]
  for (const [subject, expected] of subjects) t.equal(replySubject(subject), expected)
  t.match(assemble(writing({ draft: { subject: 'New topic', html: 'x' }, parent: { subject: 'Old' } })), {
    subject: 'New topic',
  })
  t.match(
    assemble(writing({ template: { subject: 'Template', html: 'x' }, parent: { subject: 'Old' } })),
    { subject: 'Re: Old', html: 'x' },
    'a template used for a reply stays in the thread',
  )

  t.same(threading(null), { inReplyTo: null, references: [] })
  t.same(threading({ messageId: '<c@x>', references: ['a@x', '<b@x>', 'c@x', 'a@x'] }), {
    inReplyTo: 'c@x',
    references: ['a@x', 'b@x', 'c@x'],
  })
  t.same(threading({ messageId: '', references: ['a@x'] }), { inReplyTo: null, references: ['a@x'] })
  const strange = ['x y@z', 'a\r\nBcc: b', 'é@x', `${'a'.repeat(600)}@x`, '']
  t.same(threading({ messageId: 'ok@x', references: strange }), { inReplyTo: 'ok@x', references: ['ok@x'] })
  t.same(threading({ messageId: 'a b', references: [] }), { inReplyTo: null, references: [] })
})

t.test('quotations are found whatever their nesting', async (t) => {
  const found = (html: string) => quotationsIn(html).map(({ start, end }) => html.slice(start, end))
  t.same(found('a<blockquote><blockquote>x</blockquote></blockquote>b'), [
    '<blockquote><blockquote>x</blockquote></blockquote>',
  ])
  t.same(found('a<div class="x mailtrail-quote"><div>x</div></div>b<blockquote>y'), [
    '<div class="x mailtrail-quote"><div>x</div></div>',
    '<blockquote>y',
  ])
  t.same(found('<!--<blockquote>--><p title="<blockquote>">'), [])
  const trailing = (html: string) => startOfTrailingQuotation(html, quotationsIn(html))
  t.equal(trailing('a<blockquote>x</blockquote> <br>&nbsp;<blockquote>y</blockquote></div>'), 1)
  t.equal(trailing('a<blockquote>x</blockquote>b'), null)
  t.equal(trailing('a'), null)
})
