import type { Test } from 'tap'
import type { EmailToSend, SendOutcome } from '../../src/commands/ports/mail-provider.ts'
import {
  going,
  inSession,
  mimeOf,
  requireSecrecy,
  type Harness,
  type OpenHarness,
} from './mail-provider-harness.ts'

const MOST_PIECES = 200

const emailOf = (
  { address }: Harness,
  messageId: string,
  recipients = ['bob@example.test'],
): EmailToSend => ({
  envelope: { from: address, recipients },
  messageId,
  mime: Buffer.from(
    mimeOf(messageId, `${'x'.repeat(200)}\r\n`.repeat(200))
      .toString()
      .replace('b@example.test', recipients.join(', ')),
  ),
})

/** Sends, and records what was passed to `release`, which answers as configured. */
const sending = async (
  t: Test,
  harness: Harness,
  email: EmailToSend,
  answer: () => boolean | Promise<boolean> = () => true,
): Promise<{ outcome: SendOutcome; asked: (string | null)[] }> => {
  const asked: (string | null)[] = []
  const release = async (handle: string | null) => {
    asked.push(handle)
    t.equal(
      harness.arrived().some((raw) => raw.equals(email.mime)),
      false,
      'nothing was sent before the release',
    )
    return answer()
  }
  const outcome = await harness.provider.send(harness.access, email, release, going())
  requireSecrecy(t, harness, outcome)
  t.ok(asked.length <= 1, 'it is asked once')
  return { outcome, asked }
}

const trailIdOf = (messageId: string): string => `out_${messageId.replace('@', '_')}`
const fateOf = (harness: Harness, messageId: string, handle: string | null) =>
  inSession(harness, (session) => session.whatBecameOf({ messageId, trailId: trailIdOf(messageId), handle }))

/** Sending: two steps, and no unknown outcome where it can be avoided. */
export const sendingContract = (t: Test, open: OpenHarness): void => {
  t.test('what is sent is what arrives, and the mailbox can confirm it', async (t) => {
    const harness = await open(t)
    const email = emailOf(harness, 'sent@x', ['bob@example.test', 'carl@example.test'])
    const { outcome, asked } = await sending(t, harness, email)
    t.same(outcome, { kind: 'sent', accepted: email.envelope.recipients, putOff: [], refused: [] })
    t.ok(harness.arrived().at(-1)?.equals(email.mime))
    t.equal(await fateOf(harness, 'sent@x', asked[0] ?? null), harness.knows.fate ? 'sent' : 'unknown')
  })

  t.test('without a release nothing is sent, and what release throws is passed on', async (t) => {
    const harness = await open(t)
    const { outcome } = await sending(t, harness, emailOf(harness, 'withdrawn@x'), () => false)
    t.same(outcome, { kind: 'withdrawn' })
    const thrown = sending(t, harness, emailOf(harness, 'crashed@x'), () =>
      Promise.reject(new Error('the log is down')),
    )
    await t.rejects(thrown, { message: 'the log is down' })
    t.same(harness.arrived(), [])
  })

  t.test('refused recipients are reported, each by its address', async (t) => {
    const harness = await open(t)
    if (harness.refuseRecipients === null) return t.pass('this server takes every recipient')
    harness.refuseRecipients(['gone@example.test'])
    const some = emailOf(harness, 'some@x', ['bob@example.test', 'gone@example.test'])
    t.match((await sending(t, harness, some)).outcome, {
      kind: 'sent',
      accepted: ['bob@example.test'],
      refused: [{ address: 'gone@example.test', reason: /./ }],
    })
    t.match((await sending(t, harness, emailOf(harness, 'none@x', ['gone@example.test']))).outcome, {
      kind: 'failed',
      code: /./,
      remedy: /./,
      refused: [{ address: 'gone@example.test' }],
    })
    t.equal(harness.arrived().length, 1)
  })

  t.test(
    'if the answer is lost after the release the outcome is unknown, unless the mailbox can tell',
    async (t) => {
      const harness = await open(t)
      harness.loseAnswer(true)
      const { outcome, asked } = await sending(t, harness, emailOf(harness, 'lost@x'))
      harness.loseAnswer(false)
      t.match(outcome, { kind: 'unknown', reason: /./ })
      t.equal(harness.arrived().length, 1, 'it went')
      t.equal(await fateOf(harness, 'lost@x', asked[0] ?? null), harness.knows.fate ? 'sent' : 'unknown')
    },
  )

  t.test('a crash between the two steps leaves nothing that is sent later', async (t) => {
    const harness = await open(t)
    const handles: (string | null)[] = []
    const crash = harness.provider.send(
      harness.access,
      emailOf(harness, 'between@x'),
      (handle) => {
        handles.push(handle)
        return Promise.reject(new Error('the process ends here'))
      },
      going(),
    )
    await t.rejects(crash, { message: 'the process ends here' })
    const fate = await fateOf(harness, 'between@x', handles[0] ?? null)
    t.equal(fate, harness.knows.fate ? 'not-sent' : 'unknown')
    t.equal(
      await fateOf(harness, 'between@x', handles[0] ?? null),
      fate,
      'whoever asks may die before it is recorded: to ask again is answered alike',
    )
    t.same(harness.arrived(), [])
    const again = await sending(t, harness, emailOf(harness, 'between@x'))
    t.equal(again.outcome.kind, 'sent')
    t.equal(harness.arrived().length, 1)
    const left = (await harness.mailbox.contents()).filter(({ folder }) => folder !== harness.folders.sent)
    t.same(left, [], 'the next attempt clears up what the first has left')
  })

  t.test('wherever the connection is cut, the outcome is correct', async (t) => {
    const harness = await open(t)
    const { lines } = harness
    const kinds = new Set<string>()
    for (let pieces = 0; pieces < MOST_PIECES; pieces += 1) {
      const email = emailOf(harness, `cut-${pieces}@x`)
      lines.cutAfter(pieces)
      const { outcome, asked } = await sending(t, harness, email)
      const wasCut = lines.wasCut()
      lines.mend()
      const went = harness.arrived().filter((raw) => raw.equals(email.mime)).length
      const { kind } = outcome
      kinds.add(kind)
      t.ok(kind === 'unknown' ? went <= 1 : went === (kind === 'sent' ? 1 : 0), `${kind}, and ${went} went`)
      if (asked.length === 0) t.match(kind, /deferred|failed/, 'before the release nothing is in doubt')
      if (!wasCut) break
    }
    t.ok(kinds.has('sent') && kinds.has('deferred'), [...kinds].join(' '))
  })

  t.test('a login that is not accepted defers an email', async (t) => {
    const harness = await open(t)
    const { provider, wrongAccess } = harness
    const yes = () => Promise.resolve(true)
    const outcome = await provider.send(wrongAccess, emailOf(harness, 'wrong@x'), yes, going())
    t.match(outcome, { kind: 'deferred', code: /./, reason: /./ })
    requireSecrecy(t, harness, outcome)
    const stopped = await provider.send(
      harness.access,
      emailOf(harness, 'stopped@x'),
      yes,
      AbortSignal.abort(),
    )
    t.equal(stopped.kind, 'deferred')
    t.same(harness.arrived(), [])
  })

  t.test('a copy is filed once, marked as read, with its time, and then found', async (t) => {
    const harness = await open(t)
    const { folders, mailbox } = harness
    const mime = mimeOf('copied@x')
    const copy = (content: Buffer | null) =>
      inSession(harness, (session) =>
        session.fileCopy({
          messageId: 'copied@x',
          trailId: trailIdOf('copied@x'),
          sentAt: new Date('2026-01-02T03:04:05Z'),
          content: () => Promise.resolve(content),
        }),
      )
    t.same(await copy(null), { outcome: 'impossible', folder: null })
    t.same(await copy(mime), { outcome: 'filed', folder: folders.sent })
    t.same(await copy(mime), { outcome: 'found', folder: folders.sent })
    t.same(await mailbox.contents(), [{ folder: folders.sent, messageId: 'copied@x', flags: ['seen'] }])
    t.equal(await fateOf(harness, 'copied@x', null), 'sent', 'an email that the mailbox has filed was sent')
    t.equal(await fateOf(harness, 'other@x', null), 'unknown')
  })

  t.test('a copy that the mailbox filed under a Message-ID of its own is found by our header', async (t) => {
    const harness = await open(t)
    const { folders, mailbox } = harness
    const relayed = Buffer.from(`X-Mailtrail-Id: ${trailIdOf('ours@x')}\r\n${mimeOf('theirs@x').toString()}`)
    await mailbox.deliver(folders.sent, relayed)
    t.equal(await fateOf(harness, 'ours@x', null), 'sent')
    const ours = { messageId: 'ours@x', trailId: trailIdOf('ours@x') }
    const filed = await inSession(harness, (session) =>
      session.fileCopy({ ...ours, sentAt: new Date(), content: async () => mimeOf('ours@x') }),
    )
    t.same(filed, { outcome: 'found', folder: folders.sent })
    t.match(await mailbox.contents(), [{ messageId: 'theirs@x' }])
  })
}
