import t from 'tap'
import { skipWithout } from '../../scripts/lib/mail-servers/dovecot.ts'
import { headerOf } from '../support/mail-in-folder.ts'
import { mailboxesOnDovecot, type MailboxOnDovecot } from '../support/mailboxes-on-dovecot.ts'

const late = 'late@acme.test'
const renaming = 'renaming@acme.test'
const plain = 'plain@acme.test'
const write = { to: [{ address: 'mia@client.test' }], subject: 'Offer', html: '<p>Our offer</p>' }

t.test('the copies of what is sent', { skip: skipWithout('dovecot') }, async (t) => {
  const { sink, connect } = await mailboxesOnDovecot(t, [late, renaming, plain])
  const copiesOf = async (mailbox: MailboxOnDovecot, id: string) =>
    (await mailbox.mailIn('Sent', 0)).filter((mail) => headerOf(mail, 'X-Mailtrail-Id') === id)
  const outOf = ({ copy }: { copy: string | null }) => copy
  /** Has the mail server file what it takes, before it says that it did. */
  const filing = (mailbox: MailboxOnDovecot, change: (raw: string) => string = (raw) => raw) => {
    sink.faults.verdict = async ({ raw, user }) => {
      if (user === mailbox.address)
        await mailbox.put(Buffer.from(change(raw.toString('latin1')), 'latin1'), 'Sent')
      return 'accept' as const
    }
  }
  t.afterEach(() => delete sink.faults.verdict)

  t.test('a mailbox that files under a Message-ID of its own has one', async (t) => {
    const mailbox = await connect(renaming)
    filing(mailbox, (raw) => raw.replace(/^Message-ID: .*(?:\r\n .*)*/im, 'Message-ID: <0102@relay.example>'))
    const id = await mailbox.queue(write)
    t.equal(outOf(await mailbox.onceFiled(id)), 'found')
    t.equal((await copiesOf(mailbox, id)).length, 1)
    await mailbox.sync.now()
    const ours = (await mailbox.messages()).filter(({ direction }) => direction === 'out')
    t.same(
      ours.map((message) => message.id),
      [id],
      'it is the email itself',
    )
  })

  t.test('a mailbox that is known to file by itself has one, however late it does it', async (t) => {
    const mailbox = await connect(late)
    filing(mailbox)
    const first = await mailbox.queue(write)
    t.equal(outOf(await mailbox.onceFiled(first)), 'found', 'from this it is known')
    delete sink.faults.verdict

    const id = await mailbox.queue(write)
    await mailbox.once(id, 'sent')
    // Of another mailbox nothing is known: it is left much less time, and then has its copy from us.
    const other = await connect(plain)
    const others = await other.queue(write)
    t.equal(outOf(await other.onceFiled(others)), 'filed')
    t.equal((await copiesOf(other, others)).length, 1)
    await mailbox.sync.now()
    t.equal(outOf(await mailbox.email(id)), null, 'it is still waited for')
    t.equal((await copiesOf(mailbox, id)).length, 0)

    await mailbox.put((await sink.mailWith(id)).raw, 'Sent')
    await mailbox.sync.now()
    t.equal(outOf(await mailbox.onceFiled(id)), 'found')
    t.equal((await copiesOf(mailbox, id)).length, 1)
  })
})
