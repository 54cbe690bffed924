import type { ImapFlow } from 'imapflow'
import type { ListedFolder } from '../../commands/ports/mail-provider.ts'
import type { FolderRole, FolderRoles } from '../../domain/mail.ts'
import { ownMember } from '../../domain/own-member.ts'

/** Special uses that servers announce (RFC 6154). */
const BY_USE: Record<string, FolderRole> = {
  '\\Inbox': 'inbox',
  '\\Sent': 'sent',
  '\\Drafts': 'drafts',
  '\\Archive': 'archive',
  '\\All': 'all',
  '\\Junk': 'junk',
  '\\Trash': 'trash',
}

const names = (...lines: readonly string[]): readonly string[] => lines.join('|').split('|')

/** Names that mail programs give to folders, for servers that announce no special use; likelier ones first. */
const BY_NAME = {
  sent: names(
    'sent|sent items|sent messages|sent mail|sent-mail',
    'gesendet|gesendete elemente|gesendete objekte|gesendete nachrichten',
    'envoyés|éléments envoyés|messages envoyés|objets envoyés',
    'enviados|elementos enviados|correo enviado|itens enviados|mensagens enviadas',
    'inviata|posta inviata|inviati|verzonden|verzonden items|verzonden berichten',
    'wysłane|elementy wysłane|skickat|sendt|sendte elementer|lähetetyt',
    'odeslané|odoslané|elküldött|trimise|отправленные|надіслані',
    '送信済み|送信済みアイテム|已发送|已发送邮件|寄件備份|보낸편지함',
  ),
  drafts: names(
    'drafts|draft|entwürfe|entwurf|brouillons|borradores|rascunhos|bozze|concepten',
    'kopie robocze|wersje robocze|utkast|kladder|luonnokset|koncepty|rozepsané|piszkozatok',
    'ciorne|черновики|чернетки|下書き|草稿|草稿箱|임시보관함',
  ),
  archive: names(
    'archive|archives|archiv|archivo|arquivo|archivio|archief|archiwum|arkiv',
    'arkisto|archivováno|archívum|arhivă|архив|архів|アーカイブ|归档|封存|보관함',
  ),
  junk: names(
    'junk|junk e-mail|junk email|spam|bulk mail|spamverdacht|junk-e-mail|unerwünscht',
    'courrier indésirable|indésirables|pourriel|correo no deseado|lixo eletrônico|lixo electrónico',
    'posta indesiderata|ongewenste e-mail|ongewenst|wiadomości-śmieci|skräppost|søppelpost|uønsket e-mail',
    'roskaposti|nevyžádaná pošta|levélszemét|спам|нежелательная почта|迷惑メール|垃圾邮件|垃圾郵件|스팸',
  ),
  trash: names(
    'trash|deleted items|deleted messages|deleted|bin|papierkorb|gelöscht|gelöschte elemente|gelöschte objekte',
    'corbeille|éléments supprimés|papelera|elementos eliminados|lixeira|lixo|itens excluídos|cestino',
    'posta eliminata|prullenbak|verwijderde items|kosz|elementy usunięte|papperskorg|borttagna objekt',
    'papirkurv|slettede elementer|roskakori|koš|odstraněná pošta|kuka|törölt elemek|coș de gunoi',
    'корзина|удаленные|удалённые|кошик|ゴミ箱|已删除邮件|已删除|刪除的郵件|휴지통',
  ),
}
const NAMED = ['sent', 'drafts', 'archive', 'junk', 'trash'] as const

/** A folder in a LIST answer. `parents` are the names above its own, from the top. */
export type Listing = {
  readonly path: string
  readonly name: string
  readonly parents: readonly string[]
  readonly opens: boolean
  readonly announcedUse: string | null
}

/**
 * Gives folders their roles: set by a person, or else announced by the server, or else from a well-known name. If any
 * folder has a role from one source, later sources do not assign it; by name, only one folder gets a role. A name alone
 * never makes a folder `all`. Folders in Junk or Trash are part of it.
 */
export const withRoles = (folders: readonly Listing[], byHand: FolderRoles): ListedFolder[] => {
  const given = new Map<string, FolderRole>()
  const taken = new Set<FolderRole>()
  const giveAll = (roleOf: (folder: Listing) => FolderRole | null): void => {
    const roles = folders.flatMap((folder) => {
      const role = given.has(folder.path) ? null : roleOf(folder)
      return role === null || taken.has(role) ? [] : [[folder.path, role] as const]
    })
    for (const [path, role] of roles) {
      given.set(path, role)
      taken.add(role)
    }
  }
  giveAll(({ path }) => (isInbox(path) ? 'inbox' : (ownMember(byHand, path) ?? null)))
  giveAll(({ announcedUse }) => (announcedUse === null ? null : (ownMember(BY_USE, announcedUse) ?? null)))
  for (const role of NAMED) {
    const named = bestNamed(folders, role)
    giveAll((folder) => (folder === named ? role : null))
  }
  return folders.map((folder) => {
    const { path, opens } = folder
    return { folder: path, role: given.get(path) ?? inherited(folder, folders, given), opens }
  })
}

const isInbox = (path: string): boolean => path.toUpperCase() === 'INBOX'

/** The likeliest of the folders at the top; one inside a user's folder only happens to have the same name. */
const bestNamed = (folders: readonly Listing[], role: (typeof NAMED)[number]): Listing | undefined => {
  const rankOf = ({ name }: Listing) => BY_NAME[role].indexOf(name.normalize('NFC').toLowerCase())
  return folders
    .filter((folder) => depthOf(folder) !== null && rankOf(folder) >= 0)
    .toSorted((a, b) => depthOf(a)! - depthOf(b)! || rankOf(a) - rankOf(b))[0]
}

/**
 * 0 at the top; 1 inside the folder that servers put everything into, as in `INBOX.Sent` or `[Gmail]/Sent Mail`;
 * otherwise null.
 */
const depthOf = ({ parents }: Listing): 0 | 1 | null => {
  const [parent, ...others] = parents
  if (parent === undefined) return 0
  return others.length === 0 && (isInbox(parent) || /^\[.*\]$/.test(parent)) ? 1 : null
}

const inherited = (
  { parents }: Listing,
  folders: readonly Listing[],
  given: ReadonlyMap<string, FolderRole>,
): FolderRole | null => {
  for (const { path, name, parents: above } of folders) {
    const role = given.get(path)
    if (role !== 'junk' && role !== 'trash') continue
    if ([...above, name].every((part, index) => parents[index] === part)) return role
  }
  return null
}

/** The folders of a mailbox, with their roles. */
export const foldersOf = async (client: ImapFlow, byHand: FolderRoles): Promise<ListedFolder[]> => {
  const listed = await client.list()
  return withRoles(
    listed
      .filter(({ flags }) => !flags.has('\\NonExistent'))
      .map(({ path, name, parent, flags, specialUse, specialUseSource }) => ({
        path,
        name,
        parents: parent,
        opens: !flags.has('\\Noselect'),
        announcedUse: specialUseSource === 'extension' ? (specialUse ?? null) : null,
      })),
    byHand,
  )
}
