import t from 'tap'
import { withRoles, type Listing } from '../../../src/adapters/imap-smtp/folder-roles.ts'
import type { FolderRoles } from '../../../src/domain/mail.ts'

const listing = (path: string, announcedUse: string | null = null): Listing => {
  const parents = path.split('/')
  const name = parents.pop() ?? ''
  return { path, name, parents, opens: true, announcedUse }
}
/** The folders with a role, as `role: path`. */
const rolesOf = (folders: readonly Listing[], byHand: FolderRoles = {}): string[] =>
  withRoles(folders, byHand).flatMap(({ folder, role }) => (role === null ? [] : [`${role}: ${folder}`]))

t.test('a folder is known by its name at the top, and in what servers put everything into', async (t) => {
  t.same(rolesOf([listing('INBOX'), listing('Old laptop/Sent'), listing('Sent Items')]), [
    'inbox: INBOX',
    'sent: Sent Items',
  ])
  t.same(rolesOf([listing('INBOX/Sent'), listing('Gesendet')]), ['sent: Gesendet'])
  t.same(rolesOf([listing('INBOX/Sent'), listing('[Gmail]/Drafts')]), [
    'sent: INBOX/Sent',
    'drafts: [Gmail]/Drafts',
  ])
})

t.test(
  "a folder in one of the user's own is none by its name, but where the server or a person says so",
  async (t) => {
    const old = listing('Old laptop/Sent')
    t.same(rolesOf([old]), [])
    t.same(rolesOf([listing('Old laptop/Sent', '\\Sent')]), ['sent: Old laptop/Sent'])
    t.same(rolesOf([old], { 'Old laptop/Sent': 'sent' }), ['sent: Old laptop/Sent'])
  },
)

t.test('what a person says goes before what the server announces, and that before names', async (t) => {
  const folders = [listing('Sent'), listing('Outgoing', '\\Sent'), listing('Mine')]
  t.same(rolesOf(folders), ['sent: Outgoing'])
  t.same(rolesOf(folders, { Mine: 'sent' }), ['sent: Mine'])
  t.same(rolesOf([listing('INBOX')], { INBOX: 'sent' }), ['inbox: INBOX'])
})

t.test('a folder that is called as what every object inherits has no role by that', async (t) => {
  t.same(rolesOf([listing('constructor'), listing('Mine', 'toString')]), [])
})

t.test('Junk and Trash are known, and what lies in them is part of them', async (t) => {
  t.same(rolesOf([listing('Spam'), listing('Papierkorb', '\\Trash'), listing('Papierkorb/Old/Sent')]), [
    'junk: Spam',
    'trash: Papierkorb',
    'trash: Papierkorb/Old/Sent',
  ])
})
