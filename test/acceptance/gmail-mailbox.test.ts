import t from 'tap'
import { MailUnavailable } from '../../src/commands/ports/mail-provider.ts'
import { going, mimeOf } from '../contracts/mail-provider-harness.ts'
import { product, sorted } from '../contracts/mail-provider-product.ts'
import { googleError, type Fault } from '../support/google/calls.ts'
import { isLong, runs } from '../support/long-runs.ts'
import { accessOf, addMailbox, FOLDERS, gmailOnDouble } from '../support/mail-provider/gmail.ts'

t.setTimeout(isLong ? 1_800_000 : 180_000)
const COUNT = runs(300, 5000)
const [address, token] = ['ann@gmail.test', 'secret-of-ann']
const PLACES = [FOLDERS.inbox, FOLDERS.sent, FOLDERS.archive]

t.test(`${COUNT} messages come over a bad line, each once, and the mailbox stays as it was`, async (t) => {
  const { google, provider } = await gmailOnDouble(t)
  const { mailbox, behind } = addMailbox(google, address, token)
  for (let n = 0; n < COUNT; n += 1)
    await behind.deliver(PLACES[n % PLACES.length]!, mimeOf(`${n}@x`), {
      at: new Date(Date.UTC(2026, 1, 1) + n * 60_000),
      flags: n % 3 === 0 ? ['seen'] : n % 7 === 0 ? ['flagged'] : [],
    })
  const whole = () => [
    mailbox.historyId(),
    mailbox.messages().map(({ raw, ...message }) => ({ ...message, raw: raw.toString('hex') })),
  ]
  const before = whole()
  const faults: readonly Fault[] = [
    googleError(503, 'backendError'),
    'lost',
    googleError(429, 'rateLimitExceeded', { 'retry-after': '0' }),
    googleError(500, 'backendError'),
    'unanswered',
    googleError(403, 'userRateLimitExceeded'),
    googleError(502, 'backendError'),
    // Too long for anybody to wait in the middle of a run.
    googleError(429, 'rateLimitExceeded', { 'retry-after': '60' }),
  ]
  let calls = 0
  google.fault = () => {
    calls += 1
    return calls % 10 === 0 ? faults[(calls / 10) % faults.length]! : null
  }
  const reader = product()
  let broken = 0
  for (let done = false; !done;)
    try {
      const session = await provider.open(accessOf(address, token), {}, going())
      await reader.run(session)
      await session.close()
      done = true
    } catch (error) {
      if (!(error instanceof MailUnavailable)) throw error
      broken += 1
    }
  t.comment(`${calls} calls, a fault at every tenth; ${broken} runs broke off`)
  t.same(sorted(reader.contents()), sorted(await behind.contents()), 'none is missing')
  t.equal(reader.handedOut(), COUNT, 'and none came twice')
  t.same(whole(), before, 'and nobody can see that they were read')
})
