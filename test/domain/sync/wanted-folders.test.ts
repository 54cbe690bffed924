import t from 'tap'
import type { FolderRole } from '../../../src/domain/mail.ts'
import { isWanted, wantedFolders } from '../../../src/domain/sync/wanted-folders.ts'

const folder = (path: string, role: FolderRole | null = null) => ({ folder: path, role })
const inbox = folder('INBOX', 'inbox')
const sent = folder('Gesendet', 'sent')
const spam = folder('Spam', 'junk')
const bin = folder('Papierkorb', 'trash')
const acme = folder('Customers/ACME')
const mailbox = [acme, bin, spam, sent, inbox]

t.test('folders are chosen by role in the order of the roles, then by path, each once', async (t) => {
  t.same(wantedFolders(mailbox, ['Customers/ACME', 'Gesendet', 'sent', 'inbox']), {
    chosen: [inbox, sent, acme],
    missing: [],
  })
  t.same(wantedFolders(mailbox, ['junk']).chosen, [spam])
})

t.test('what names no folder is missing, role or path', async (t) => {
  t.same(wantedFolders(mailbox, ['archive', 'inbox', 'Customers']), {
    chosen: [inbox],
    missing: ['archive', 'Customers'],
  })
})

t.test('all mail is the folder that has it, else every folder but Junk and Trash', async (t) => {
  const all = folder('[Gmail]/All Mail', 'all')
  t.same(wantedFolders([...mailbox, all], ['all']).chosen, [all])
  t.same(wantedFolders(mailbox, ['all']), { chosen: [acme, sent, inbox], missing: [] })
})

t.test('a folder is wanted by its path, by its role, or with all', async (t) => {
  t.same(
    [['INBOX'], ['inbox'], ['all'], ['sent', 'Customers']].map((wanted) => isWanted(inbox, wanted)),
    [true, true, true, false],
  )
})
