import t from 'tap'
import { inSession, mimeOf } from '../contracts/mail-provider-harness.ts'
import { product, sorted } from '../contracts/mail-provider-product.ts'
import { skipWithout } from '../../scripts/lib/mail-servers/dovecot.ts'
import { dovecotHarness } from '../support/mail-provider/dovecot.ts'

t.setTimeout(300_000)

// What a server can tells how much has to be compared: with QRESYNC nothing, with CONDSTORE a folder that lost something,
// without either its newest messages each time. What iCloud says has vanished cannot be read, so there QRESYNC is not asked
// for, though it is offered.
const levels = [
  { name: 'QRESYNC', extensions: ['CONDSTORE', 'QRESYNC'], idle: 0, whole: 0 },
  {
    name: 'QRESYNC of iCloud',
    imapHost: 'imap.mail.me.com',
    extensions: ['CONDSTORE', 'QRESYNC'],
    idle: 0,
    whole: 1,
  },
  { name: 'CONDSTORE', extensions: ['CONDSTORE'], idle: 0, whole: 1 },
  { name: 'neither', extensions: [], idle: 3, whole: 1 },
] as const

for (const { name, idle, whole, ...server } of levels)
  t.test(
    `with ${name} all is seen, and no more compared than needed`,
    { skip: skipWithout('dovecot') },
    async (t) => {
      const open = await dovecotHarness(t, { mailboxes: 1, ...server })
      const harness = await open(t)
      const { mailbox, folders } = harness
      for (let n = 0; n < 350; n += 1) await mailbox.deliver(folders.inbox, mimeOf(`${n}@x`))
      const reader = product()
      const run = async () => {
        reader.asked.length = 0
        await inSession(harness, (session) => reader.run(session))
        t.same(sorted(reader.contents()), sorted(await mailbox.contents()))
        // A page of 300 is a look at the newest; one of 1,000 is part of a look at all.
        const asked = (limit: number) => reader.asked.filter((each) => each === limit).length
        return { recent: asked(300), whole: asked(1000) }
      }
      // What is read first is compared once.
      for (const _run of [1, 2, 3]) await run()
      t.same(await run(), { recent: idle, whole: 0 }, 'an idle run')
      await mailbox.flag('3@x', folders.inbox, ['flagged'])
      await mailbox.remove('7@x', folders.inbox)
      await mailbox.remove('8@x', folders.inbox)
      await mailbox.move('320@x', folders.inbox, folders.archive)
      await mailbox.deliver(folders.inbox, mimeOf('new@x'), { flags: ['seen'] })
      t.equal((await run()).whole, whole, 'a run after changes')
      t.same(await run(), { recent: idle, whole: 0 }, 'and an idle run again')
    },
  )
