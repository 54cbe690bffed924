import t from 'tap'
import { cancelEmail } from '../../../src/commands/sending/cancel-email.ts'
import { discardDraft } from '../../../src/commands/sending/discard-draft.ts'
import { findDraft } from '../../../src/commands/sending/find-draft.ts'
import { previewDraft } from '../../../src/commands/sending/preview-draft.ts'
import { queueEmail } from '../../../src/commands/sending/queue-email.ts'
import { changeDraft, saveDraft } from '../../../src/commands/sending/save-draft.ts'
import { sendEmail } from '../../../src/commands/sending/send-email.ts'
import { idOf } from '../../support/example-emails.ts'
import { never, sendingWorld } from '../../support/sending-world.ts'
import { parsed, queued, refusal } from '../../support/queued-email.ts'

t.test(
  'a draft is written, changed at its version, previewed with what is missing, sent, and no draft then',
  async (t) => {
    const world = await sendingWorld(t)
    const { needs } = world
    const userId = 'u1'
    const templateId = idOf('tpl', 1)
    world.records.templates.set(templateId, {
      subject: 'About {deal.name}',
      html: '<p>Dear {contact.first_name}</p>',
    })
    const template = { templateId, version: 1 }
    const saved = await saveDraft(needs)(
      world.caller(),
      world.input({ template, html: '', subject: '', to: [] }),
      userId,
    )
    const id = saved.outgoingId
    const preview = await previewDraft(needs)(id, userId)
    t.same(
      preview.missing.map(({ variable }) => variable),
      ['deal.name', 'contact.first_name'],
    )
    t.same(preview.from, { address: 'me@acme.test', name: 'John Smith' })
    const change = (changes: object, ifRevision: number, by = userId) =>
      changeDraft(needs)(world.caller(), { outgoingId: id, changes, ifRevision }, by)
    const to = [{ address: 'ann@client.test' }]
    t.match(await change({ dealId: 'd1', to }, 0), { revision: 1, draft: { dealId: 'd1', userId } })
    await t.rejects(change({ subject: 'late' }, 0), { name: 'StaleRevision' })
    await t.rejects(change({ subject: 'not mine' }, 1, 'u2'), { name: 'NotFound' })
    await t.rejects(previewDraft(needs)(id, 'u2'), { name: 'NotFound' })
    t.match(await previewDraft(needs)(id, userId), {
      missing: [],
      subject: 'About Big deal',
      html: /Dear Ann/,
    })
    const asked = { content: { draftId: id }, scheduledAt: null, undoSeconds: 0 }
    await t.rejects(queueEmail(needs)(world.caller(), asked, 'u2'), { name: 'NotFound' })
    const caller = world.caller()
    t.match(await queueEmail(needs)(caller, asked, userId), { outgoingId: id, repeated: false })
    t.match(await queueEmail(needs)(caller, asked, userId), { outgoingId: id, repeated: true })
    t.equal((await refusal(queueEmail(needs)(world.caller(), asked, userId))).code, 'already-queued')
    t.match((await queued(world, id)).template, template)
    await t.rejects(change({ subject: 'late' }, 2), { name: 'NotFound' })
    await t.rejects(
      queueEmail(needs)(world.caller(), asked, 'u2'),
      { name: 'NotFound' },
      'nor what became of it',
    )
    await t.rejects(discardDraft(needs)(world.caller(), id, 'u2'), { name: 'NotFound' })
    t.equal((await refusal(discardDraft(needs)(world.caller(), id, userId))).code, 'already-queued')

    const other = await saveDraft(needs)(world.caller(), world.input(), userId)
    await t.rejects(discardDraft(needs)(world.caller(), other.outgoingId, 'u2'), { name: 'NotFound' })
    t.match(await discardDraft(needs)(world.caller(), other.outgoingId, userId), {
      state: { status: 'discarded' },
    })
    await discardDraft(needs)(world.caller(), other.outgoingId, userId)
    t.same(await world.types(other.outgoingId), ['DraftSaved', 'DraftDiscarded'])
  },
)

t.test(
  'an email that was cancelled is the draft that it was, and is changed and sent under the same id',
  async (t) => {
    const world = await sendingWorld(t)
    const deps = { ...world.needs }
    const id = await world.queue({ html: '<p>Hi {contact.first_name}</p>' }, { undoSeconds: 60 })
    await cancelEmail(deps)(world.caller(), id)
    const found = await findDraft(deps)(id, null)
    t.match(found.draft, { html: '<p>Hi {contact.first_name}</p>', to: [{ address: 'ann@client.test' }] })
    await changeDraft(deps)(
      world.caller(),
      { outgoingId: id, changes: { subject: 'Changed' }, ifRevision: found.revision },
      null,
    )
    const again = { content: { draftId: id }, scheduledAt: null, undoSeconds: 0 }
    const handled = await queueEmail(deps)(world.caller(), again, null)
    t.equal(handled.outgoingId, id)
    t.equal(await world.send(id), 'sent')
    t.equal(world.sink.messages.length, 1)
    t.match(await parsed(world, (await queued(world, id)).mime.blob), { subject: 'Changed', html: /Hi Ann/ })
    t.same(await world.types(id), [
      'EmailQueued',
      'EmailCancelled',
      'DraftSaved',
      'EmailQueued',
      'EmailReleased',
      'EmailSent',
    ])
  },
)

t.test(
  'what failed can be changed and sent again; what a sender says of the version before is not heard',
  async (t) => {
    const world = await sendingWorld(t)
    const id = await world.queue()
    world.account.now = { ...world.account.now, sends: false }
    t.equal(await world.send(id), 'failed')
    t.same((await findDraft(world.needs)(id, null)).draft.subject, 'Our offer')
    world.account.now = { ...world.account.now, sends: true }
    const again = { content: { draftId: id }, scheduledAt: null, undoSeconds: 0 }
    await queueEmail(world.needs)(world.caller(), again, null)
    const find = world.needs.findAccount
    const slow = {
      ...world.needs,
      findAccount: async (accountId: string) => {
        await cancelEmail(world.needs)(world.caller(), id)
        await queueEmail(world.needs)(world.caller(), again, null)
        const found = await find(accountId)
        return found && { ...found, sends: false }
      },
    }
    t.equal(await sendEmail(slow)(world.caller('sender'), id, never), 'over')
    t.equal((await world.state(id)).status, 'queued', 'not failed: it is another email by now')
    t.equal(await world.send(id), 'sent')
  },
)
