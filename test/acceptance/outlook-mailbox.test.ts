import t from 'tap'
import { MailUnavailable } from '../../src/commands/ports/mail-provider.ts'
import { going, mimeOf } from '../contracts/mail-provider-harness.ts'
import { product, sorted } from '../contracts/mail-provider-product.ts'
import { isLong, runs } from '../support/long-runs.ts'
import { accessOf, fromBehind, outlookOnDouble } from '../support/mail-provider/outlook.ts'
import { refused } from '../support/microsoft/call.ts'

t.setTimeout(isLong ? 1_800_000 : 180_000)
const COUNT = runs(300, 5000)
const [address, token] = ['ann@outlook.test', 'secret-of-ann']
const FOLDERS = ['Inbox', 'Sent Items', 'Archive']

t.test(`${COUNT} messages come over a bad line, each once, and the mailbox stays as it was`, async (t) => {
  const { graph, provider } = await outlookOnDouble(t)
  const mailbox = graph.addMailbox(address, token)
  const behind = fromBehind(mailbox)
  for (let n = 0; n < COUNT; n += 1)
    await behind.deliver(FOLDERS[n % FOLDERS.length]!, mimeOf(`${n}@x`), {
      at: new Date(Date.UTC(2026, 1, 1) + n * 60_000),
      flags: n % 3 === 0 ? ['seen'] : n % 7 === 0 ? ['flagged', 'Blue'] : [],
    })
  const whole = () => mailbox.messages().map((message) => ({ ...message, raw: message.raw.toString('hex') }))
  const before = whole()
  const faults = [
    refused(503, 'ServiceUnavailable'),
    refused(500, 'InternalServerError'),
    'cut',
    { ...refused(429, 'ApplicationThrottled'), headers: { 'retry-after': '0' } },
    refused(504, 'GatewayTimeout'),
  ] as const
  let calls = 0
  graph.faults.before = () => {
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
