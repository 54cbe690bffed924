import t, { type Test } from 'tap'
import {
  classifyFailure,
  FAILURE_KINDS,
  failureRemedy,
  type FailureKind,
} from '../../../src/domain/sending/classify-failure.ts'

const HARD = true
const SOFT = false

const judge = (
  t: Test,
  cases: readonly (readonly [string | null, number | null, string | null, FailureKind, boolean])[],
): void => {
  for (const [status, code, diagnostic, kind, hard] of cases) {
    const what = `${status} ${code} ${diagnostic}`
    t.strictSame(classifyFailure({ status, code, diagnostic }), { kind, hard }, what)
  }
}

t.test('an address that nobody has is hard, as far as the server says so for good', (t) => {
  judge(t, [
    ['5.1.1', 550, null, 'no-such-mailbox', HARD],
    ['5.1.1', 550, '550 5.1.1 User unknown', 'no-such-mailbox', HARD],
    ['5.1.2', 550, '550 5.1.2 Host unknown', 'no-such-mailbox', HARD],
    ['5.1.10', 550, 'Recipient not found by SMTP address lookup', 'no-such-mailbox', HARD],
    ['5.2.1', 550, 'mailbox disabled', 'no-such-mailbox', HARD],
    ['5.0.0', 550, '550 <bob@acme.example> is not a known user on this system', 'no-such-mailbox', HARD],
    ['5.7.1', 550, '550 5.7.1 No such user here', 'no-such-mailbox', HARD],
    [null, 550, '550 No such user', 'no-such-mailbox', HARD],
    [null, null, 'not listed in Domino Directory', 'no-such-mailbox', HARD],
    ['5.4.1', 550, 'Recipient address rejected: Access denied', 'no-such-mailbox', HARD],
    ['4.1.1', 450, '450 4.1.1 User unknown', 'no-such-mailbox', SOFT],
    [null, 450, '450 mailbox unavailable, user unknown', 'no-such-mailbox', SOFT],
  ])
  t.end()
})

t.test('all else is soft: it may pass, or it is about the mail and not the address', (t) => {
  judge(t, [
    ['5.2.2', 552, '552 5.2.2 Mailbox full', 'full', SOFT],
    ['5.1.1', 550, '550 5.1.1 mailbox is full', 'full', SOFT],
    ['4.2.2', 452, 'The email account is over quota', 'full', SOFT],
    [null, 552, null, 'full', SOFT],
    ['5.3.4', 552, 'Message too big for system', 'size', SOFT],
    [null, null, 'message is larger than 10 MB', 'size', SOFT],
    ['5.7.1', 554, 'rejected as spam', 'policy', SOFT],
    ['5.1.1', 550, 'blocked using bl.example', 'policy', SOFT],
    ['4.7.1', 450, 'Greylisted, try again later', 'policy', SOFT],
    ['5.1.8', 550, "sender's domain does not exist", 'policy', SOFT],
    ['5.7.26', 550, 'Unauthenticated email is not accepted', 'authentication', SOFT],
    [null, 550, 'SPF check failed', 'authentication', SOFT],
    ['4.4.7', null, 'Message expired', 'expired', SOFT],
    ['5.4.7', null, 'delivery time expired', 'expired', SOFT],
    [null, null, 'this message has been in the queue too long', 'expired', SOFT],
    [null, 421, null, 'expired', SOFT],
    ['5.5.0', 554, 'internal error', 'other', SOFT],
    [null, null, null, 'other', SOFT],
  ])
  t.end()
})

t.test('each kind has a remedy of its own', (t) => {
  t.equal(new Set(FAILURE_KINDS.map(failureRemedy)).size, FAILURE_KINDS.length)
  t.end()
})
