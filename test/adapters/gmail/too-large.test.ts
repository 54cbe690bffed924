import t from 'tap'
import { googleError } from '../../../scripts/lib/mail-servers/google/calls.ts'
import { going, mimeOf } from '../../contracts/mail-provider-harness.ts'
import { accessOf, addMailbox, gmailOnDouble } from '../../support/mail-provider/gmail.ts'

const MB = 2 ** 20

t.test('an email that is larger than Gmail takes is refused for good, and nothing is released', async (t) => {
  const { google, provider } = await gmailOnDouble(t)
  addMailbox(google, 'ann@gmail.test', 'token')
  const released: unknown[] = []
  const send = (mime: Buffer) =>
    provider.send(
      accessOf('ann@gmail.test', 'token'),
      { messageId: 'x@x', envelope: { from: 'ann@gmail.test', recipients: ['b@example.test'] }, mime },
      async (draft) => released.push(draft) > 0,
      going(),
    )
  const refusal = { kind: 'failed', code: 'gmail-too-large', reason: /35 MB/, remedy: /smaller/ }
  t.match(await send(mimeOf('large@x', 'x'.repeat(35 * MB))), refusal)
  t.equal(google.units.size, 0, 'it is not even uploaded')
  google.fault = ({ method }) => (method === 'POST' ? googleError(413, 'uploadTooLarge') : null)
  t.match(await send(mimeOf('refused@x')), refusal)
  t.same(released, [])
})
