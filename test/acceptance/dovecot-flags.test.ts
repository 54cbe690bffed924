import t from 'tap'
import { inSession, mimeOf } from '../contracts/mail-provider-harness.ts'
import { product, sorted } from '../contracts/mail-provider-product.ts'
import { skipWithout } from '../../scripts/lib/mail-servers/dovecot.ts'
import { dovecotHarness } from '../support/mail-provider/dovecot.ts'

t.setTimeout(300_000)

t.test(
  'a server that numbers its changes tells of flags however old the message',
  { skip: skipWithout('dovecot') },
  async (t) => {
    const open = await dovecotHarness(t, { mailboxes: 1 })
    const harness = await open(t)
    const { mailbox, folders } = harness
    for (let n = 0; n < 400; n += 1) await mailbox.deliver(folders.inbox, mimeOf(`${n}@x`))
    const reader = product()
    const run = () => inSession(harness, (session) => reader.run(session))
    // What is read first is compared once, and from then on only the newest are.
    for (const _run of [1, 2, 3]) await run()
    await mailbox.flag('3@x', folders.inbox, ['flagged'])
    const changes = (await run()).flatMap((set) => (set.kind === 'changes' ? set.changes : []))
    t.match(changes, [{ kind: 'flagged', flags: ['flagged'] }])
    t.same(sorted(reader.contents()), sorted(await mailbox.contents()))
    t.same(
      (await run()).flatMap((set) => (set.kind === 'changes' ? set.changes : [])),
      [],
      'and that once',
    )
  },
)
