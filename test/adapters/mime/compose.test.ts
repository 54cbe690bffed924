import fc from 'fast-check'
import PostalMime from 'postal-mime'
import t from 'tap'
import { composeMail } from '../../../src/adapters/mime/compose.ts'
import type { MailToCompose } from '../../../src/commands/ports/composer.ts'
import { anyCharacter } from '../../support/any-character.ts'

const mail = (over: Partial<MailToCompose> = {}): MailToCompose => ({
  outgoingId: 'out_01jz0000000000000000000000',
  from: { address: 'jo@acme.test', name: 'Jo Smith' },
  replyTo: null,
  to: [{ address: 'ann@x.test' }],
  cc: [],
  bcc: [],
  subject: 'Offer',
  date: new Date('2026-03-04T05:06:07.000Z'),
  inReplyTo: null,
  references: [],
  html: '<p>Hi <b>Ann</b></p>',
  trackedHtml: null,
  files: [],
  automatic: false,
  ...over,
})

const headersOf = (mime: Buffer): string[] => {
  const head = mime.toString('latin1').split('\r\n\r\n')[0] ?? ''
  return head.replaceAll(/\r\n[ \t]/g, ' ').split('\r\n')
}

t.test('a message has both forms of the body, its own ids and the date that it was given', async (t) => {
  const { mime, copy, text, messageId, envelope } = await composeMail(
    mail({
      replyTo: 'team@acme.test',
      cc: [{ address: 'Bea@y.test', name: 'Beá "B", Ltd' }],
      inReplyTo: 'a@x.test',
      references: ['0@x.test', 'a@x.test'],
      files: [
        { name: 'préçis; "v1".pdf', contentType: 'application/pdf', content: Buffer.from([0, 255, 13, 10]) },
        { name: 'logo.png', contentType: 'image/png', content: Buffer.from('png'), cid: 'logo@acme' },
      ],
    }),
  )
  t.ok(copy.equals(mime), 'without tracking and Bcc the copy is the message')
  t.equal(messageId, 'out_01jz0000000000000000000000@acme.test')
  t.same(envelope, { from: 'jo@acme.test', recipients: ['ann@x.test', 'Bea@y.test'] })
  const parsed = await PostalMime.parse(mime)
  t.match(parsed, {
    from: { name: 'Jo Smith', address: 'jo@acme.test' },
    replyTo: [{ address: 'team@acme.test' }],
    to: [{ name: '', address: 'ann@x.test' }],
    cc: [{ name: 'Beá "B", Ltd', address: 'Bea@y.test' }],
    subject: 'Offer',
    messageId: `<${messageId}>`,
    inReplyTo: '<a@x.test>',
    references: '<0@x.test> <a@x.test>',
    date: '2026-03-04T05:06:07.000Z',
    attachments: [
      {
        filename: 'logo.png',
        mimeType: 'image/png',
        disposition: 'inline',
        contentId: '<logo@acme>',
        related: true,
      },
      { filename: 'préçis; "v1".pdf', mimeType: 'application/pdf', disposition: 'attachment' },
    ],
  })
  t.equal(parsed.html?.trimEnd(), '<p>Hi <b>Ann</b></p>')
  t.equal(parsed.text?.trimEnd(), 'Hi Ann')
  t.equal(text, 'Hi Ann')
  t.same(Buffer.from(parsed.attachments[1]!.content as ArrayBuffer), Buffer.from([0, 255, 13, 10]))
  t.equal(parsed.headers.find(({ key }) => key === 'x-mailtrail-id')?.value, 'out_01jz0000000000000000000000')
  t.notOk(headersOf(mime).some((line) => /^x-mailer/i.test(line)))
})

t.test('what no person wrote says so, and nothing else does (RFC 3834)', async (t) => {
  for (const automatic of [true, false]) {
    const { mime, copy } = await composeMail(mail({ automatic }))
    for (const form of [mime, copy])
      t.equal(headersOf(form).includes('Auto-Submitted: auto-generated'), automatic)
  }
})

t.test('tracking stands in the wire form only, Bcc in the copy only, and nothing else differs', async (t) => {
  const input = mail({
    html: '<p>é <a href="https://x.test/">x</a></p>',
    trackedHtml: '<p>é <a href="https://t.test/c/1">x</a></p><img src="https://t.test/o/1">',
    bcc: [{ address: 'boss@acme.test', name: 'Böss' }],
    files: [{ name: 'a.txt', contentType: 'text/plain', content: Buffer.from('a\nb') }],
  })
  const { mime, copy, envelope } = await composeMail(input)
  t.same(envelope.recipients, ['ann@x.test', 'boss@acme.test'])
  const htmlPart = /(?<=text\/html[^]*?\r\n\r\n)[^]*?(?=\r\n--)/
  const withoutDifferences = (form: Buffer) =>
    form
      .toString('latin1')
      .replace(htmlPart, '')
      .replace(/^Bcc:.*\r\n(?:[ \t].*\r\n)*/m, '')
  t.equal(withoutDifferences(mime), withoutDifferences(copy))
  t.notMatch(mime.toString('latin1'), /^bcc|boss/im)
  const [wire, sent] = [await PostalMime.parse(mime), await PostalMime.parse(copy)]
  t.match(sent.bcc, [{ name: 'Böss', address: 'boss@acme.test' }])
  t.equal(wire.html?.trimEnd(), input.trackedHtml)
  t.equal(sent.html?.trimEnd(), input.html)
  t.equal(wire.text, sent.text)
  t.match(sent.text, 'é x <https://x.test/>'.slice(0, 3))
})

t.test('composing again gives the same bytes', async (t) => {
  const input = mail({
    trackedHtml: '<p>t</p>',
    bcc: [{ address: 'b@x.test' }],
    files: [{ name: 'a', contentType: 'a/b', content: Buffer.alloc(1000, 7) }],
  })
  const [one, two] = [
    await composeMail(input),
    await composeMail(structuredClone({ ...input, files: [] })),
    0,
  ]
  const three = await composeMail({ ...input, files: input.files.map((file) => ({ ...file })) })
  t.same(one, three)
  t.notSame(one.mime, two.mime)
})

t.test(
  'no header value begins a new header: control characters are refused, wherever they are',
  async (t) => {
    const evil = 'x\r\nBcc: spy@evil.test'
    const everywhere: Partial<MailToCompose>[] = [
      { subject: evil },
      { subject: 'x\0' },
      { subject: 'x\u2028y' },
      { from: { address: 'jo@acme.test', name: evil } },
      { from: { address: 'jo@acme.test\n' } },
      { to: [{ address: 'ann@x.test', name: 'x\ny' }] },
      { to: [{ address: 'ann@x.test>\r\nRCPT TO:<spy@evil.test' }] },
      { cc: [{ address: 'ann@x.test', name: 'x\ty' }] },
      { bcc: [{ address: 'a\r@x.test' }] },
      { replyTo: `a@x.test${evil}` },
      { inReplyTo: evil },
      { references: ['a@b', evil] },
      { outgoingId: evil },
      { files: [{ name: evil, contentType: 'a/b', content: Buffer.from('') }] },
      { files: [{ name: 'a', contentType: `a/b;${evil}`, content: Buffer.from('') }] },
      { files: [{ name: 'a', contentType: 'image/png', content: Buffer.from(''), cid: evil }] },
    ]
    for (const [index, over] of everywhere.entries())
      await t.rejects(
        composeMail(mail(over)),
        { code: 'header-control-character' },
        `${index} ${Object.keys(over)[0]}`,
      )
    for (const address of [
      'a@x.test, b@y.test',
      'a@x.test>',
      '<a@x.test>',
      'a b@x.test',
      'a',
      'a@[127.0.0.1]',
    ])
      await t.rejects(composeMail(mail({ to: [{ address }] })), { code: 'invalid-address' }, address)
    await t.rejects(composeMail(mail({ to: [] })), { code: 'no-recipient' })
  },
)

t.test('long threads name the first message and the last nineteen', async (t) => {
  const references = Array.from({ length: 60 }, (_, index) => `${index}@x.test`)
  const { mime } = await composeMail(mail({ references }))
  const { references: named } = await PostalMime.parse(mime)
  t.same(
    named?.split(' '),
    ['0', ...Array.from({ length: 19 }, (_, index) => String(index + 41))].map((id) => `<${id}@x.test>`),
  )
})

t.test('each address is written to once, whatever the spelling', async (t) => {
  const { envelope } = await composeMail(
    mail({
      to: [{ address: 'Ann@x.test' }],
      cc: [{ address: 'b@x.test' }],
      bcc: [{ address: 'ann@X.test' }],
    }),
  )
  t.same(envelope.recipients, ['Ann@x.test', 'b@x.test'])
})

t.test('files keep their bytes under any type that they claim', async (t) => {
  const types: [string, string][] = [
    ['text/csv; charset=iso-8859-1', 'text/csv'],
    ['message/rfc822', 'application/octet-stream'],
    ['multipart/mixed; boundary=x', 'application/octet-stream'],
    ['nonsense', 'application/octet-stream'],
    ['', 'application/octet-stream'],
    ['image/svg+xml;x="y', 'image/svg+xml'],
  ]
  const content = Buffer.from('Subject: x\r\n\r\n--x\nbare\n\xff', 'latin1')
  const { mime } = await composeMail(
    mail({ files: types.map(([contentType], index) => ({ name: `f${index}`, contentType, content })) }),
  )
  const { attachments } = await PostalMime.parse(mime)
  t.same(
    attachments.map(({ mimeType }) => mimeType),
    types.map(([, sent]) => sent),
  )
  for (const file of attachments) t.same(Buffer.from(file.content as ArrayBuffer), content)
})

// ---------------------------------------------------------------- laws

const line = (maxLength: number) =>
  fc
    .oneof(
      fc.string({ maxLength, unit: 'grapheme' }),
      fc.string({ maxLength, unit: anyCharacter }),
      fc
        .array(
          fc.constantFrom(
            '=?utf-8?q?=41?=',
            'é',
            ' ',
            '  ',
            '"',
            ',',
            ';',
            ':',
            '<a@b.c>',
            '\\',
            '(',
            ')',
            '😀',
            'word',
            '\u00a0',
            '?=',
            "''",
            '%41',
            '/',
          ),
          { maxLength: Math.ceil(maxLength / 5) },
        )
        .map((parts) => parts.join('')),
    )
    .map((text) => text.toWellFormed().replaceAll(/[\p{Cc}\u2028\u2029]/gu, '.'))
const address = fc.constantFrom(
  'ann@x.test',
  'B.o+b@sub.y.test',
  'zoë@x.test',
  'jo@jõgeva.test',
  '"a b"@x.test',
  "o'neil@x.test",
)
const mailbox = fc.record({ address, name: line(60).map((name) => name.trim()) })
const body = fc.oneof(
  line(400),
  line(2000).map((text) => `<p>${text}</p>\n${text}`),
  fc.constantFrom('.', '..\n.', 'From x\n', '--\n', '<p>\n'),
)
const file = fc.record({
  name: line(120).filter((name) => name !== ''),
  contentType: fc.constantFrom('application/pdf', 'text/plain', 'image/png', 'x'),
  content: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
})
const mails = fc.record({
  from: mailbox,
  to: fc.array(mailbox, { minLength: 1, maxLength: 4 }),
  cc: fc.array(mailbox, { maxLength: 2 }),
  bcc: fc.array(mailbox, { maxLength: 2 }),
  subject: line(300),
  html: body,
  trackedHtml: fc.option(body),
  files: fc.array(file, { maxLength: 3 }),
})

t.test('law: what a reader reads back is what was composed, in 7 bit lines of sendable length', async (t) => {
  const seen = (name: string) => name.replaceAll(/\s+/g, ' ').trim()
  await fc.assert(
    fc.asyncProperty(mails, async (over) => {
      const input = mail(over)
      const { mime, copy } = await composeMail(input)
      const [wire, sent] = [await PostalMime.parse(mime), await PostalMime.parse(copy)]
      for (const parsed of [wire, sent]) {
        same(seen(parsed.subject ?? ''), seen(input.subject))
        same(readBack([parsed.from!]), asRead([input.from]))
        same(readBack(parsed.to), asRead(input.to))
        same(readBack(parsed.cc), asRead(input.cc))
        same(
          parsed.attachments.map(({ filename }) => filename),
          input.files.map(({ name }) => name.replaceAll('=?', '_?')),
        )
        for (const [index, { content }] of parsed.attachments.entries())
          same(Buffer.from(content as ArrayBuffer).equals(input.files[index]!.content), true)
      }
      same(sent.html?.trimEnd(), (input.html || '<p></p>').trimEnd())
      same(wire.html?.trimEnd(), ((input.trackedHtml ?? input.html) || '<p></p>').trimEnd())
      same(wire.bcc, undefined)
      same(readBack(sent.bcc), asRead(input.bcc))
      for (const form of [mime, copy]) {
        same(/[^\r]\n|\r[^\n]/.test(form.toString('latin1')), false)
        same(
          Math.max(
            ...form
              .toString('latin1')
              .split('\r\n')
              .map(({ length }) => length),
          ) <= 998,
          true,
        )
        // RFC 6531 lets an address itself be UTF-8; nothing else is.
        same(/[^\t\r\n -~]/.test(form.toString('utf8').replaceAll('zoë', '')), false)
      }
      const names = headersOf(mime).map((header) => header.slice(0, header.indexOf(':')).toLowerCase())
      same(new Set(names).size, names.length)
      same(
        names.filter((name) => !EXPECTED.has(name)),
        [],
      )
    }),
    { numRuns: 200 },
  )
  t.pass()
})

const EXPECTED = new Set(
  'from to cc subject message-id date mime-version content-type content-transfer-encoding x-mailtrail-id'.split(
    ' ',
  ),
)

const same = (actual: unknown, expected: unknown): void => {
  if (JSON.stringify(actual) !== JSON.stringify(expected))
    throw new Error(`${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`)
}

type Read = { name?: string; address?: string }
const readBack = (list: readonly Read[] | undefined) =>
  (list ?? []).map(({ name, address }) => [
    name?.replaceAll(/\s+/g, ' ').trim(),
    address?.replaceAll('"', ''),
  ])
const asRead = (list: readonly Read[]) =>
  list.map(({ name, address = '' }) => [
    name?.replaceAll(/\s+/g, ' ').trim(),
    address.startsWith('zoë') ? address : address.replace('jõgeva', 'xn--jgeva-dua').replaceAll('"', ''),
  ])
