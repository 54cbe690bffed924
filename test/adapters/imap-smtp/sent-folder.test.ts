import t from 'tap'
import { mail, syncRig } from '../../support/mailbox-to-sync.ts'

const never = new AbortController().signal
const copy = mail('ours').raw

t.test('a copy that the server files while ours is fetched is the only one', async (t) => {
  const rig = await syncRig(t)
  const session = await rig.provider.open(rig.access, {}, never)
  const content = async () => {
    rig.mailbox.append('Sent', { raw: copy })
    return copy
  }
  const filed = await session.fileCopy({
    messageId: 'ours@x.test',
    trailId: 'ours',
    sentAt: new Date(),
    content,
  })
  await session.close()
  t.same(filed, { outcome: 'found', folder: 'Sent' })
  t.equal(rig.mailbox.messages('Sent').length, 1)
})

t.test('a copy goes into the folder that a person says is for sent mail', async (t) => {
  const rig = await syncRig(t, { folders: [{ path: 'Mine' }] })
  const session = await rig.provider.open(rig.access, { Mine: 'sent' }, never)
  const filed = await session.fileCopy({
    messageId: 'ours@x.test',
    trailId: 'ours',
    sentAt: new Date(),
    content: async () => copy,
  })
  await session.close()
  t.same(filed, { outcome: 'filed', folder: 'Mine' })
  t.same([rig.mailbox.messages('Mine').length, rig.mailbox.messages('Sent').length], [1, 0])
})
