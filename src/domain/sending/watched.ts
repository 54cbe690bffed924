import { domainOf } from '../mail.ts'
import type { AccountSettings } from '../accounts/events.ts'
import { excludedBy } from '../sync/glob.ts'

/** Who sends delivery reports (RFC 5321 6.1, RFC 2142), and from where large providers do. */
const REPORTERS = ['mailer-daemon', 'postmaster']
const ELSEWHERE = ['mail.example', 'googlemail.com']

/**
 * Whether what comes back of mail from this address lands where it is read: the inbox is synced, and no pattern keeps
 * reports out. Only then does it say something that nothing came back.
 */
export const seesReports = (
  address: string,
  { syncDirection, folders, excludePatterns }: AccountSettings,
): boolean => {
  if (syncDirection === 'send' || !folders.includes('inbox')) return false
  const hosts = [domainOf(address), ...ELSEWHERE]
  const senders = REPORTERS.flatMap((reporter) => hosts.map((host) => `${reporter}@${host}`))
  return senders.every((sender) => excludedBy(excludePatterns, sender) === null)
}
