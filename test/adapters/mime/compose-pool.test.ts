import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { composeMail } from '../../../src/adapters/mime/compose.ts'
import { mailComposer } from '../../../src/adapters/mime/compose-pool.ts'
import type { MailToCompose } from '../../../src/commands/ports/composer.ts'
import { Refused } from '../../../src/domain/refusal.ts'
import { assemble, type Writing } from '../../../src/domain/sending/assemble.ts'
import { idOf } from '../../support/example-emails.ts'
import { runs } from '../../support/long-runs.ts'

const composer = mailComposer()
t.teardown(() => composer.close())

const mailOf = (html: string, changes: Partial<MailToCompose> = {}): MailToCompose => ({
  outgoingId: idOf('out', 1),
  from: { address: 'me@acme.test', name: 'Jörg' },
  replyTo: null,
  to: [{ address: 'ann@client.test' }],
  cc: [],
  bcc: [{ address: 'eve@client.test' }],
  subject: 'Our offer',
  date: new Date(Date.UTC(2026, 0, 5)),
  inReplyTo: null,
  references: [],
  html,
  trackedHtml: `${html}<img src="https://track.acme.test/p">`,
  files: [],
  automatic: false,
  ...changes,
})

t.test('a thread composes the same bytes, files and all, and refuses the same', async (t) => {
  const file = { name: 'a.bin', contentType: 'application/x-a', content: Buffer.from([0, 1, 2, 255]) }
  for (const mail of [mailOf('<p>Grüße</p>'), mailOf('', { files: [file], trackedHtml: null })]) {
    const [ours, theirs] = await Promise.all([composer.compose(mail), composeMail(mail)])
    t.ok(ours.mime.equals(theirs.mime))
    t.ok(ours.copy.equals(theirs.copy))
    t.same({ ...ours, mime: 0, copy: 0 }, { ...theirs, mime: 0, copy: 0 })
  }
  const refusal = await composer.compose(mailOf('', { to: [], bcc: [] })).catch((error: unknown) => error)
  t.ok(refusal instanceof Refused)
  t.match(refusal, { code: 'no-recipient' })
})

const piece = fc.oneof(
  fc.string(),
  fc.constantFrom(
    '{contact.first_name}',
    '{signature}',
    '{nobody.knows}',
    '<blockquote>',
    '</blockquote>',
    '<a href="{deal.name}">',
    '</body>',
    'Grüße \u{1F600}',
  ),
)

t.test('a long text is assembled by a thread as it would be here', async () => {
  const long = '<p>Following up on our conversation.</p>'.repeat(400)
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), fc.boolean(), async (pieces, isReply) => {
      const writing: Writing = {
        draft: { subject: 'About {deal.name}', html: [...pieces, long].join('') },
        template: null,
        signature: '<b>{user.name}</b>',
        values: { 'contact.first_name': 'Ann <3', 'user.name': 'Jörg' },
        parent: isReply ? { subject: 'Hello' } : null,
      }
      assert.deepEqual(await composer.assemble(writing), assemble(writing))
    }),
    { numRuns: runs(50, 1000) },
  )
})

t.test('a large email does not hold the event loop: the work of composing is done elsewhere', async (t) => {
  const html = '<table><tr><td style="color:red">Hello <b>you</b> there</td></tr></table>\n'.repeat(3400)
  const costOf = async (work: () => Promise<unknown>): Promise<number> => {
    const before = process.threadCpuUsage()
    await work()
    const { user, system } = process.threadCpuUsage(before)
    return user + system
  }
  const mail = mailOf(html)
  const inline = await costOf(() => composeMail(mail))
  const elsewhere = await costOf(() => composer.compose(mail))
  t.comment(`this thread worked ${elsewhere} µs of what takes ${inline} µs`)
  t.ok(elsewhere < inline / 3)
})
