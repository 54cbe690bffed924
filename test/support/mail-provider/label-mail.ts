import { randomBytes } from 'node:crypto'
import { messageIdOf, type FromBehind, type OpenHarness } from '../../contracts/mail-provider-harness.ts'
import { cutLines } from '../../../scripts/lib/cut-lines.ts'
import type { LabelMailbox } from '../label-mail/mailbox.ts'
import { labelMailProvider } from '../label-mail/provider.ts'
import { startLabelMail } from '../label-mail/service.ts'

const fromBehind = (mailbox: LabelMailbox): FromBehind => {
  const idOf = (messageId: string, label: string): string => {
    const found = mailbox
      .messages()
      .find(({ raw, labels }) => messageIdOf(raw) === messageId && labels.has(label))
    if (found === undefined) throw new Error(`No message ${messageId} in ${label}`)
    return found.id
  }
  return {
    deliver: async (label, raw, { at = new Date(), flags = [] } = {}) =>
      void mailbox.add(label, { raw, receivedAt: at, flags }),
    move: async (messageId, from, to) => mailbox.move(idOf(messageId, from), from, to),
    flag: async (messageId, label, flags) => mailbox.flag(idOf(messageId, label), flags),
    remove: async (messageId, label) => mailbox.unlabel(idOf(messageId, label), label),
    removeFolder: async (label) => mailbox.removeLabel(label),
    raw: async (messageId, label) => mailbox.find(idOf(messageId, label))!.raw,
    contents: async () =>
      mailbox.messages().flatMap(({ raw, labels, flags }) =>
        [...labels].map((folder) => ({
          folder,
          messageId: messageIdOf(raw),
          flags: flags.toSorted(),
        })),
      ),
  }
}

/** Label Mail, a service of its own for each mailbox. */
export const labelMailHarness = (): OpenHarness => async (t) => {
  const service = await startLabelMail()
  t.teardown(() => service.close())
  const lines = await cutLines(t, [{ port: service.port }])
  const address = 'ann@label.test'
  const token = `secret-${randomBytes(9).toString('hex')}`
  const mailbox = service.addMailbox(address, token)
  const provider = labelMailProvider(`http://127.0.0.1:${lines.ports[0]}`)
  const accessBy = (text: string) => provider.admit({ provider: 'label-mail', address, token: text }, null)
  const { faults } = service
  const status = (what: string, kind: 'scope-missing' | 'throttled' | 'temporary', code: number) => ({
    what,
    kind,
    set: (on: boolean) => {
      if (on) faults.status = code
      else delete faults.status
    },
  })
  return {
    provider,
    access: accessBy(token),
    wrongAccess: accessBy('secret-wrong'),
    secrets: [token, 'secret-wrong'],
    address,
    folders: { inbox: 'Inbox', sent: 'Outgoing', archive: 'Put away', own: 'Later' },
    mailbox: fromBehind(mailbox),
    lines,
    loseCursors: async () => mailbox.forget(),
    withhold: (messageId) => {
      const ids = mailbox.messages().filter(({ raw }) => messageIdOf(raw) === messageId)
      faults.withheld = new Set(ids.map(({ id }) => id))
    },
    refusals: [
      status('too many requests', 'throttled', 429),
      status('not allowed', 'scope-missing', 403),
      status('broken', 'temporary', 503),
    ],
    arrived: () => service.sent.map(({ raw }) => raw),
    refuseRecipients: (addresses) => (faults.refusedRecipients = addresses),
    loseAnswer: (on) => (faults.loseAnswer = on),
    knows: { moves: true, fate: true, left: false, answered: true },
  }
}
