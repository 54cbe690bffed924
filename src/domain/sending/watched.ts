import type { ExcludePattern } from '../accounts/events.ts'
import { domainOf } from '../mail.ts'
import { matchesGlob } from '../sync/glob.ts'

/** Senders of delivery reports (RFC 5321 6.1, RFC 2142). */
const REPORTERS = ['mailer-daemon', 'postmaster']
/** They come from domains of any name, for which this one (RFC 2606) stands, and from that of Gmail. */
const ELSEWHERE = ['mail.example', 'googlemail.com']

/** Whether bounces to this address are kept: no pattern of the account excludes reports. */
export const keepsReports = (address: string, excludePatterns: readonly ExcludePattern[]): boolean => {
  const hosts = [domainOf(address), ...ELSEWHERE]
  const senders = REPORTERS.flatMap((reporter) => hosts.map((host) => `${reporter}@${host}`))
  return excludePatterns.every(({ pattern }) => !senders.some((sender) => matchesGlob(pattern, sender)))
}
