import t from 'tap'
import { isLong, runs } from '../support/long-runs.ts'
import { atEveryTenth, deliverMany, readToTheEnd } from '../support/mailbox-on-a-bad-line.ts'
import { accessOf, fromBehind, outlookOnDouble } from '../support/mail-provider/outlook.ts'
import { refused } from '../../scripts/lib/mail-servers/microsoft/call.ts'

t.setTimeout(isLong ? 1_800_000 : 180_000)
const COUNT = runs(300, 5000)
const [address, token] = ['ann@outlook.test', 'secret-of-ann']
const FOLDERS = ['Inbox', 'Sent Items', 'Archive']

t.test(`${COUNT} messages come over a bad line, each once, and the mailbox stays as it was`, async (t) => {
  const { graph, provider } = await outlookOnDouble(t)
  const mailbox = graph.addMailbox(address, token)
  const behind = fromBehind(mailbox)
  await deliverMany(behind, COUNT, FOLDERS, ['flagged', 'Blue'])
  const whole = () => mailbox.messages().map((message) => ({ ...message, raw: message.raw.toString('hex') }))
  const before = whole()
  const faults = [
    refused(503, 'ServiceUnavailable'),
    refused(500, 'InternalServerError'),
    'cut',
    { ...refused(429, 'ApplicationThrottled'), headers: { 'retry-after': '0' } },
    refused(504, 'GatewayTimeout'),
  ] as const
  const bad = atEveryTenth(faults)
  graph.faults.before = bad.next
  await readToTheEnd(t, { provider, access: accessOf(address, token) }, behind, COUNT)
  t.ok(bad.calls() > COUNT, `${bad.calls()} calls, a fault at every tenth`)
  t.same(whole(), before, 'and nobody can see that they were read')
})
