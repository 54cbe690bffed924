import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { readMail } from '../../../src/adapters/mime/read-mail.ts'
import { tnefFiles } from '../../../src/adapters/mime/tnef.ts'

const bytes = (...lines: string[]): Buffer => Buffer.from(lines.join('\r\n'), 'latin1')
/** A mail with these parts in a multipart/mixed. */
const mixed = (...parts: string[][]) =>
  readMail(
    bytes(
      'Content-Type: multipart/mixed; boundary=b',
      '',
      ...parts.flatMap((lines) => ['--b', ...lines]),
      '--b--',
    ),
  )
const text = (of: { content: Uint8Array } | undefined): string =>
  Buffer.from(of?.content ?? []).toString('latin1')

t.test('a text with a file name is a file, whatever its disposition', (t) => {
  for (const header of [
    ['Content-Type: text/plain; name="notes.txt"'],
    ['Content-Type: text/plain', 'Content-Disposition: inline; filename="notes.txt"'],
    ['Content-Type: text/plain', 'Content-Disposition: attachment; filename="notes.txt"'],
    ['Content-Type: text/plain', "Content-Disposition: inline; filename*=utf-8''notes.txt"],
    ['Content-Type: text/html; name="notes.txt"'],
  ]) {
    const mail = mixed(['', 'Hello'], [...header, '', 'my notes'])
    t.equal(mail.text, 'Hello\n', header.join())
    t.match(mail.attachments, [{ name: 'notes.txt', inline: false, size: 8 }], header.join())
  }
  t.end()
})

t.test('a name makes no file of what the mail itself says', (t) => {
  const root = readMail(bytes('Content-Type: text/plain; name="body.txt"', '', 'Hello'))
  t.match(root, { text: 'Hello\n', attachments: [] })
  const form = readMail(
    bytes(
      'Content-Type: multipart/alternative; boundary=b',
      '',
      '--b',
      'Content-Type: text/plain; name="body.txt"',
      '',
      'Hello',
      '--b--',
    ),
  )
  t.match(form, { text: 'Hello\n', attachments: [] })
  t.end()
})

t.test('files have their bytes and size as they were sent: no line end, no charset changed', (t) => {
  const lines = 'a\r\nb\nc\r\n\r\n'
  const { attachments } = mixed(
    ['Content-Type: text/plain; name=a; charset=utf-16', '', `${lines}\xff`],
    [
      'Content-Type: text/csv; name=b',
      'Content-Transfer-Encoding: base64',
      '',
      Buffer.from(lines).toString('base64'),
    ],
    [
      'Content-Type: text/plain; name=c',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'a =  \r\n=3D=\xe9 \t\r\nb=20',
    ],
    ['Content-Type: text/calendar; name=d', '', lines],
    ['Content-Type: application/octet-stream; name=e', '', '\0\xff\r\r\n'],
    ['Content-Type: application/x; name=f', 'Content-Transfer-Encoding: base64', '', 'QQ==', 'Qg==', 'QUJD'],
    [
      'Content-Type: application/x; name=g',
      'Content-Transfer-Encoding: x-uuencode',
      '',
      'begin 644 g',
      '#0V%T',
      '`',
      'end',
    ],
    ['Content-Type: application/x; name=h'],
  )
  const expected = [`${lines}\xff`, lines, 'a ==\xe9\r\nb ', lines, '\0\xff\r\r\n', 'ABABC', 'Cat', '']
  t.strictSame(attachments.map(text), expected)
  for (const { content, size, blob } of attachments) {
    t.equal(size, content.byteLength)
    t.equal(blob, createHash('sha256').update(content).digest('hex'))
  }
  t.end()
})

t.test('file names are read in all the ways in which they are written', (t) => {
  for (const [disposition, name] of [
    ['attachment; filename="Rechnung.pdf"', 'Rechnung.pdf'],
    ['attachment; filename=Rechnung (1).pdf', 'Rechnung (1).pdf'],
    ["attachment; filename*=UTF-8''%E2%82%AC%20rates.pdf", '€ rates.pdf'],
    ['attachment; filename*0*=UTF-8\'\'%E2%82; filename*1*=%AC%20; filename*2="rates.pdf"', '€ rates.pdf'],
    ['attachment; filename*=koi8-r\'ru\'%F0%D2%C9; filename="x"', 'При'],
    ['attachment; filename="=?utf-8?B?4oKsLnBkZg==?="', '€.pdf'],
    ['attachment; filename="=?utf-8?Q?=E2=82?= =?utf-8?Q?=AC.pdf?="', '€.pdf'],
    ['attachment; filename="a\\"b;c.pdf"', 'a"b;c.pdf'],
    ['attachment; filename="Gr\xfc\xdfe.pdf"', 'Grüße.pdf'],
    ['attachment', 'from-type.pdf'],
  ] as const) {
    const { attachments } = mixed([
      'Content-Type: application/pdf; name="from-type.pdf"',
      `Content-Disposition: ${disposition}`,
      '',
      'x',
    ])
    t.equal(attachments[0]?.name, name, disposition)
  }
  t.end()
})

t.test('inline is what the HTML shows by its id or its place', (t) => {
  const picture = (...header: string[]) => ['Content-Type: image/png', ...header, '', 'x']
  const { attachments } = mixed(
    [
      'Content-Type: text/html',
      '',
      '<img src="cid:A%40x.test"><img src=\'pics/b.png\'><td background="cid:c&amp;d">',
    ],
    picture('Content-ID: <a@x.test>'),
    picture('Content-Location: pics/b.png'),
    picture('Content-ID: <c&d>', 'Content-Disposition: attachment'),
    picture('Content-ID: <unused@x.test>', 'Content-Disposition: inline'),
    picture('Content-Disposition: inline; filename=shown-nowhere.png'),
  )
  t.strictSame(
    attachments.map(({ inline }) => inline),
    [true, true, true, false, false],
  )
  const plain = mixed(['', 'see cid:a'], picture('Content-ID: <a>', 'Content-Disposition: inline'))
  t.strictSame(
    plain.attachments.map(({ inline }) => inline),
    [false],
    'a mail without HTML shows none',
  )
  t.end()
})

// ---------------------------------------------------------------- winmail.dat

const u16 = (...values: number[]) =>
  Buffer.concat(
    values.map((value) => {
      const b = Buffer.alloc(2)
      b.writeUInt16LE(value)
      return b
    }),
  )
const u32 = (...values: number[]) =>
  Buffer.concat(
    values.map((value) => {
      const b = Buffer.alloc(4)
      b.writeUInt32LE(value)
      return b
    }),
  )
const attribute = (level: number, id: number, value: Buffer) =>
  Buffer.concat([Buffer.from([level]), u32(id, value.length), value, u16(0)])
const structure = (...attributes: Buffer[]) =>
  Buffer.concat([u32(0x223e9f78), u16(1), attribute(1, 0x00089006, u32(0x10000)), ...attributes])
const filled = (value: Buffer) =>
  Buffer.concat([u32(value.length), value, Buffer.alloc((4 - (value.length % 4)) % 4)])
const property = (type: number, id: number, value: Buffer) =>
  Buffer.concat([u16(type, id), u32(1), filled(value)])
const properties = (...each: Buffer[]) => attribute(2, 0x00069005, Buffer.concat([u32(each.length), ...each]))
const wide = (value: string) => Buffer.from(`${value}\0`, 'utf16le')
const begin = attribute(2, 0x00069002, Buffer.alloc(14))
const title = (value: string) => attribute(2, 0x00018010, Buffer.from(`${value}\0`, 'latin1'))
const data = (value: string) => attribute(2, 0x0006800f, Buffer.from(value))

t.test('a winmail.dat is opened: long names, code pages, types, ids, enclosed mails', (t) => {
  const enclosed = structure(begin, title('inner.txt'), data('inner'))
  const winmail = structure(
    attribute(1, 0x00069007, u32(1251, 0)),
    begin,
    title('OFFER~1.PDF'),
    data('offer'),
    properties(
      Buffer.concat([u16(0x0003, 0x3705), u32(1)]),
      property(0x001f, 0x3707, wide('Our offer €.pdf')),
      property(0x001e, 0x370e, Buffer.from('application/pdf\0')),
      property(0x001f, 0x3712, wide('offer@x.test')),
      Buffer.concat([
        u16(0x001f, 0x8000),
        Buffer.alloc(16),
        u32(1),
        filled(wide('a name')),
        u32(1),
        filled(wide('value')),
      ]),
      Buffer.concat([u16(0x1003, 0x6000), u32(2), u32(1, 2)]),
    ),
    begin,
    title('\xf1\xf7\xb8\xf2.txt'),
    data('bill'),
    begin,
    title('mail'),
    properties(property(0x000d, 0x3701, Buffer.concat([Buffer.alloc(16), enclosed]))),
  )
  t.match(tnefFiles(winmail), [
    {
      name: 'Our offer €.pdf',
      contentType: 'application/pdf',
      contentId: 'offer@x.test',
      content: Buffer.from('offer'),
    },
    { name: 'счёт.txt', contentType: 'application/octet-stream', content: Buffer.from('bill') },
    { name: 'inner.txt', content: Buffer.from('inner') },
  ])
  t.match(
    tnefFiles(winmail.subarray(0, winmail.length - 20)),
    [{ name: 'Our offer €.pdf' }, { name: 'счёт.txt' }],
    'a broken one too',
  )
  const mail = mixed(
    ['', 'See attached.'],
    [
      'Content-Type: application/octet-stream; name=winmail.dat',
      'Content-Transfer-Encoding: base64',
      '',
      winmail.toString('base64'),
    ],
  )
  t.strictSame(
    mail.attachments.map(({ name, size }) => [name, size]),
    [
      ['winmail.dat', winmail.length],
      ['Our offer €.pdf', 5],
      ['счёт.txt', 4],
      ['inner.txt', 5],
    ],
  )
  t.end()
})

t.test('no bytes make reading a winmail.dat fail or go on for ever', (t) => {
  let deep = structure(begin, title('x'), data('x'))
  for (let depth = 0; depth < 50; depth++)
    deep = structure(begin, properties(property(0x000d, 0x3701, Buffer.concat([Buffer.alloc(16), deep]))))
  t.strictSame(tnefFiles(deep), [])
  t.equal(
    tnefFiles(structure(...Array.from({ length: 5000 }, () => Buffer.concat([begin, data('x')])))).length,
    200,
  )
  const good = structure(
    begin,
    title('a.txt'),
    data('text'),
    properties(property(0x001f, 0x3707, wide('b.txt'))),
  )
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), { maxLength: 8 }),
      (edits) => {
        const broken = Buffer.from(good)
        for (const [at, byte] of edits) broken[at] = byte
        t.ok(tnefFiles(broken).length <= 200)
      },
    ),
    { numRuns: 300 },
  )
  t.end()
})
