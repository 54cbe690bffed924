import t from 'tap'
import { googleError, type Fault } from '../../scripts/lib/mail-servers/google/calls.ts'
import { isLong, runs } from '../support/long-runs.ts'
import { atEveryTenth, deliverMany, readToTheEnd } from '../support/mailbox-on-a-bad-line.ts'
import { accessOf, addMailbox, FOLDERS, gmailOnDouble } from '../support/mail-provider/gmail.ts'

t.setTimeout(isLong ? 1_800_000 : 180_000)
const COUNT = runs(300, 5000)
const [address, token] = ['ann@gmail.test', 'secret-of-ann']
const PLACES = [FOLDERS.inbox, FOLDERS.sent, FOLDERS.archive]

t.test(`${COUNT} messages come over a bad line, each once, and the mailbox stays as it was`, async (t) => {
  const { google, provider } = await gmailOnDouble(t)
  const { mailbox, behind } = addMailbox(google, address, token)
  await deliverMany(behind, COUNT, PLACES, ['flagged'])
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
  const bad = atEveryTenth(faults)
  google.fault = bad.next
  await readToTheEnd(t, { provider, access: accessOf(address, token) }, behind, COUNT)
  t.ok(bad.calls() > COUNT, `${bad.calls()} calls, a fault at every tenth`)
  t.same(whole(), before, 'and nobody can see that they were read')
})
