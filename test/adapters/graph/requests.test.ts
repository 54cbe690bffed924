import t, { type Test } from 'tap'
import { MailUnavailable } from '../../../src/commands/ports/mail-provider.ts'
import { asking, gather, going, mimeOf } from '../../contracts/mail-provider-harness.ts'
import { product } from '../../contracts/mail-provider-product.ts'
import { accessOf, outlookOnDouble } from '../../support/mail-provider/outlook.ts'
import { publishedTemplates } from '../../support/microsoft/sdk.ts'

const [address, token] = ['ann@outlook.test', 'secret-of-ann']

const setUp = async (t: Test) => {
  const double = await outlookOnDouble(t)
  const mailbox = double.graph.addMailbox(address, token)
  return { ...double, mailbox, inbox: mailbox.folder('inbox')!.id, access: accessOf(address, token) }
}

/** A mail with files of these sizes, as our composer makes one. */
const mailWith = (...sizes: readonly number[]): Buffer => {
  const files = sizes.map((size, n) =>
    [
      '--b',
      'Content-Type: application/octet-stream',
      'Content-Transfer-Encoding: base64',
      `Content-Disposition: attachment; filename*0*=utf-8''f%C3%BC;`,
      ` filename*1*=r-${n}.bin`,
      '',
      Buffer.alloc(size, n + 1)
        .toString('base64')
        .replaceAll(/.{76}/g, '$&\r\n'),
    ].join('\r\n'),
  )
  const head = `From: ${address}\r\nTo: bob@example.test\r\nMessage-ID: <large@x>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n`
  return Buffer.from(
    `${head}\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n${files.join('\r\n')}\r\n--b--\r\n`,
  )
}

t.test('every request is one that Microsoft publishes, and asks for ids that stay', async (t) => {
  const { graph, provider, access, mailbox, inbox } = await setUp(t)
  for (const n of [1, 2, 3]) mailbox.add(inbox, mimeOf(`${n}@x`))
  graph.faults.filteredLimit = 1
  const reader = product()
  const session = await provider.open(access, {}, going())
  for (const more of [{ since: new Date(0) }, { thorough: true }]) await reader.run(session, more)
  await gather(
    session.raw([...mailbox.messages(inbox)].map(({ id }) => ({ folder: 'Inbox', role: 'inbox', ref: id }))),
  )
  const email = { envelope: { from: address, recipients: ['bob@example.test'] }, messageId: 'sent@x' }
  const handles: (string | null)[] = []
  for (const mime of [mimeOf('sent@x'), mailWith(3_500_000, 10)])
    await provider.send(access, { ...email, mime }, async (handle) => handles.push(handle) > 0, going())
  const crash = async (handle: string | null) => {
    handles.push(handle)
    throw new Error('the process ends here')
  }
  await t.rejects(provider.send(access, { ...email, mime: mimeOf('lost@x') }, crash, going()))
  for (const handle of [...handles, 'AAkNobody'])
    await session.whatBecameOf({ messageId: 'other@x', trailId: 'out_x', handle })
  const copy = {
    messageId: 'copy@x',
    trailId: 'out_copy',
    sentAt: new Date(),
    content: async () => mimeOf('copy@x'),
  }
  t.match(await session.fileCopy(copy), { outcome: 'filed' })
  t.match(await provider.test(access, going()), { ok: true })
  await session.close()

  const templates = publishedTemplates()
  t.ok(templates.length > 50, `${templates.length} templates`)
  // A link of Graph's is followed as it is, and an upload goes to where Graph says.
  const ours = graph.requests.filter(({ path, isLink }) => !isLink && !path.startsWith('/uploads/'))
  const unknown = ours.filter(({ path, query }) => {
    const pathname = path.replace('/v1.0/me', '/users/ann')
    const matching = templates.filter((template) => template.path.test(pathname))
    return !matching.some(({ parameters }) => query.keys().every((name) => parameters.has(name)))
  })
  t.same(
    unknown.map(({ method, path, query }) => `${method} ${path}?${query.toString()}`),
    [],
  )
  t.ok(new Set(ours.map(({ method, path }) => `${method} ${path.split('/').at(-1)}`)).size > 10)
  t.ok(ours.every(({ prefer }) => prefer.includes('IdType="ImmutableId"')))
})

t.test('attachments that are too large for a request are uploaded, and arrive', async (t) => {
  const { graph, provider, access } = await setUp(t)
  const email = {
    envelope: { from: address, recipients: ['bob@example.test', 'unseen@example.test'] },
    messageId: 'large@x',
    mime: mailWith(7_000_000, 2_500_000, 1000),
  }
  const outcome = await provider.send(access, email, async () => true, going())
  t.match(outcome, { kind: 'sent', accepted: email.envelope.recipients })
  const [sent] = graph.sent
  t.same(sent?.recipients, email.envelope.recipients, 'also those whom no header names')
  t.same(
    sent?.message.attachments.map(({ name, bytes }) => [name, bytes.length, bytes[0]]),
    [
      ['für-0.bin', 7_000_000, 1],
      ['für-1.bin', 2_500_000, 2],
    ],
  )
  const raw = sent!.message.raw.toString()
  t.match(raw, /Message-ID: <large@x>[^]*Hello[^]*r-2\.bin[^]*--b--/, 'the rest is as it was')
  t.notMatch(raw, /r-[01]\.bin/)
  const text = { ...email, mime: Buffer.from(mimeOf('text@x', 'x'.repeat(5_000_000))) }
  t.match(await provider.send(access, text, async () => true, going()), {
    kind: 'failed',
    code: 'outlook-too-large',
  })
})

t.test('a mailbox gets four requests at a time, from all sessions together', async (t) => {
  const { graph, provider, access, mailbox, inbox } = await setUp(t)
  for (let n = 0; n < 40; n += 1) mailbox.add(inbox, mimeOf(`${n}@x`))
  graph.faults.latencyMs = 5
  const readers = [product(), product(), product()]
  await Promise.all(
    readers.map(async (reader) => {
      const session = await provider.open(access, {}, going())
      await reader.run(session)
      await session.close()
    }),
  )
  t.same(
    readers.map((reader) => reader.contents().length),
    [40, 40, 40],
  )
  t.equal(graph.mostAtOnce(), 4)
})

t.test('what Graph asks to wait for is waited for, or told', async (t) => {
  const { graph, provider, access, mailbox, inbox } = await setUp(t)
  mailbox.add(inbox, mimeOf('1@x'))
  const session = await provider.open(access, {}, going())
  const wait = (seconds: string) => ({ status: 429, headers: { 'retry-after': seconds } })
  let left = 2
  graph.faults.before = () => (left-- > 0 ? wait('1') : null)
  const before = graph.requests.length
  t.ok((await gather(session.changes(asking()))).length > 0)
  t.ok(graph.requests.length > before + 2)
  left = 1
  graph.faults.before = () => (left-- > 0 ? wait('3600') : null)
  await t.rejects(session.folders(), { kind: 'throttled', code: 'outlook-throttled' })
  const asked = graph.requests.length
  const late: unknown = await session.folders().catch((error: unknown) => error)
  const until = late instanceof MailUnavailable ? late.until : null
  t.ok(until !== null && until.getTime() > Date.now() + 3_000_000, 'until when')
  t.equal(graph.requests.length, asked, 'and nothing is asked before')
})

t.test('an access token that is not accepted is renewed once, and the request made again', async (t) => {
  const { graph, provider, mailbox, access } = await setUp(t)
  graph.renewToken(mailbox, 'secret-renewed')
  let renewals = 0
  const renewable = {
    ...access,
    renew: async () => {
      renewals += 1
      return accessOf(address, 'secret-renewed').credentials
    },
  }
  const session = await provider.open(renewable, {}, going())
  t.ok((await session.folders()).length > 0)
  t.equal(renewals, 1)
})
