import type { ImapFlow } from 'imapflow'
import type { MailFolder } from '../../commands/ports/mail-provider.ts'
import type { FolderRole } from '../../domain/mail.ts'

/** Special uses that servers announce (RFC 6154). */
const BY_USE: Record<string, FolderRole> = {
  '\\Inbox': 'inbox',
  '\\Sent': 'sent',
  '\\Drafts': 'drafts',
  '\\Archive': 'archive',
  '\\All': 'all',
}

const names = (...lines: readonly string[]): readonly string[] => lines.join('|').split('|')

/** Names that clients give to folders, for servers that announce no special use; the likelier ones first. */
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
}

export type ListedFolder = {
  readonly path: string
  readonly name: string
  readonly announcedUse: string | null
}

/**
 * Gives folders their roles: by announced use, else by a well-known name. A role that was announced is not given
 * by name as well, and by name it goes to one folder only. A name alone never makes a folder `all`.
 */
export const withRoles = (folders: readonly ListedFolder[]): MailFolder[] => {
  const announced = folders.map(({ path, announcedUse }) =>
    path.toUpperCase() === 'INBOX' ? 'inbox' : announcedUse === null ? null : (BY_USE[announcedUse] ?? null),
  )
  const named = new Map<number, FolderRole>()
  for (const role of ['sent', 'drafts', 'archive'] as const) {
    if (announced.includes(role)) continue
    const ranks = folders.map(({ name }, index) =>
      announced[index] === null ? BY_NAME[role].indexOf(name.normalize('NFC').toLowerCase()) : -1,
    )
    const best = Math.min(...ranks.filter((rank) => rank >= 0))
    if (Number.isFinite(best)) named.set(ranks.indexOf(best), role)
  }
  return folders.map(({ path }, index) => ({
    folder: path,
    role: announced[index] ?? named.get(index) ?? null,
  }))
}

/** The folders of a mailbox that can be opened, with their roles. */
export const foldersOf = async (client: ImapFlow): Promise<MailFolder[]> => {
  const listed = await client.list()
  const open = listed.filter(({ flags }) => !flags.has('\\Noselect') && !flags.has('\\NonExistent'))
  return withRoles(
    open.map(({ path, name, specialUse, specialUseSource }) => ({
      path,
      name,
      announcedUse: specialUseSource === 'extension' ? (specialUse ?? null) : null,
    })),
  )
}
