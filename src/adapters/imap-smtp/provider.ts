import type { MailboxSession, MailProvider } from '../../commands/ports/mail-provider.ts'
import { tileOf } from '../../domain/accounts/tiles.ts'
import type { EgressGuard } from '../network/egress-guard.ts'
import { admit } from './admit.ts'
import { changesOf } from './changes.ts'
import { connectionTest } from './connection-test.ts'
import { forms, loginOf, serverOf } from './connection.ts'
import { openSession, type ImapSession } from './imap.ts'
import { presets, tileOfHost } from './presets.ts'
import { rawOf } from './raw.ts'
import { fileCopy, whatBecameOf } from './sent-folder.ts'
import { smtpSender } from './smtp.ts'
import { moveToTrash } from './trash.ts'
import { watchInbox } from './watch.ts'

/**
 * Any mailbox reached with a user name and password: SMTP submission for sending, IMAP for reading, or one of the two.
 */
export const imapSmtpProvider = (guard: EgressGuard): MailProvider => ({
  ...smtpSender(guard),
  name: 'imap-smtp',
  forms,
  presets,
  title: titleOf,
  admit,
  test: connectionTest(guard),
  open: async (access, roles, signal) =>
    mailbox(await openSession(guard, loginOf(access, 'imap'), roles, signal)),
  watch: async (access, onHint, signal) => watchInbox(guard, loginOf(access, 'imap'), onHint, signal),
})

/** After the big provider whose servers they are, else after the protocol. */
const titleOf: MailProvider['title'] = (connection) => {
  const [smtp, imap] = [serverOf({ connection }, 'smtp'), serverOf({ connection }, 'imap')]
  const known = tileOfHost((imap ?? smtp)?.host ?? '')
  return tileOf(known ?? (imap === null ? 'smtp' : 'imap')).title
}

const mailbox = (session: ImapSession): MailboxSession => ({
  folders: () => session.folders(),
  changes: (query) => changesOf(session, query),
  raw: (placements) => rawOf(session, placements),
  whatBecameOf: whatBecameOf(session),
  fileCopy: fileCopy(session),
  moveToTrash: moveToTrash(session),
  storage: () => session.storage(),
  close: () => session.close(),
})
