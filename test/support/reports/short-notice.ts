import {
  reportHeader,
  returned,
  right,
  sentMail,
  multipart,
  textMail,
  type RefusalName,
  type Report,
  type RightRecipient,
  type SentMail,
} from './writing.ts'

// Notices of a few lines, as small servers and gateways write them.

export type ShortNotice = {
  readonly server: string
  readonly from: string
  readonly subject: string
  readonly to: string
  readonly expected: RightRecipient
  readonly words: readonly string[]
  /** How the mail is returned: below the words, as a part, or not at all. */
  readonly returns: 'below' | 'part' | 'nothing'
  /** The line in front of the mail, where it stands below. */
  readonly divider?: string
}

let count = 0
export const shortNotice = (notice: ShortNotice): Report => {
  count += 1
  const { server, to, expected, returns } = notice
  const mail: SentMail = sentMail(server.toLowerCase(), count, to)
  const header = reportHeader(notice.from, notice.subject)
  const below = returns === 'below' ? ['', notice.divider ?? '', ...mail.header, '', 'Good morning,'] : []
  const text = { text: [...notice.words, ...below] }
  return {
    name: `${server}: ${notice.words
      .find((line) => line.length > 12)
      ?.trim()
      .slice(0, 50)} (${expected.kind})`,
    raw:
      returns === 'part'
        ? multipart(header, 'multipart/mixed', [text, returned(mail)])
        : textMail(header, text),
    recipients: [expected],
    messageId: returns === 'nothing' ? null : mail.messageId,
  }
}

export const bob = 'bob@acme.example'
export const is = (name: RefusalName, other: Partial<RightRecipient> = {}): RightRecipient =>
  right(bob, name, other)
/** In words, without any code. */
export const inWords = (name: RefusalName): RightRecipient => is(name, { status: null })
