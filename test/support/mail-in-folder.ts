import type { ImapFlow } from 'imapflow'
import { until } from '../../scripts/lib/client.ts'
import type { Dovecot } from '../../scripts/lib/mail-servers/dovecot.ts'

export type Mail = {
  readonly raw: Buffer
  readonly envelope: NonNullable<Awaited<ReturnType<ImapFlow['fetchAll']>>[number]['envelope']>
}

/** What lies in a folder, as another client sees it, once there are at least so many. */
export const mailIn = async (
  dovecot: Dovecot,
  user: string,
  folder: string,
  count: number,
): Promise<Mail[]> => {
  const client = await dovecot.login(user)
  try {
    const exists = async () => {
      const status = await client.status(folder, { messages: true })
      return status === false ? 0 : (status.messages ?? 0)
    }
    const there = await until(`${count} in ${folder} of ${user}`, exists, (found) => found >= count)
    await client.mailboxOpen(folder, { readOnly: true })
    const found = there === 0 ? [] : await client.fetchAll('1:*', { envelope: true, source: true })
    return found.map(({ source, envelope }) => ({ raw: source!, envelope: envelope! }))
  } finally {
    await client.logout()
  }
}

/** A header's value, unfolded; null where it is not there. */
export const headerOf = ({ raw }: { readonly raw: Buffer }, name: string): string | null => {
  const head = raw.toString('latin1').split('\r\n\r\n', 1)[0]!
  const found = new RegExp(`^${name}:[ \\t]*(.*(?:\\r\\n[ \\t].*)*)`, 'im').exec(head)
  return found?.[1]?.replaceAll(/\r\n[ \t]+/g, ' ') ?? null
}
