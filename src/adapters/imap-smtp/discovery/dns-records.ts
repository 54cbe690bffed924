import type { Resolver } from 'node:dns/promises'
import { textOf } from '../../network/problems.ts'
import type { Found } from './found.ts'

/** Names of services with implicit TLS and with STARTTLS (RFC 6186, RFC 8314). */
const SERVICES = {
  imap: { tls: '_imaps._tcp', starttls: '_imap._tcp' },
  smtp: { tls: '_submissions._tcp', starttls: '_submission._tcp' },
} as const

/** The records of a name; none if there is no such name or none of the kind. @throws Error if the DNS cannot tell */
const recordsOf = async <T>(query: Promise<T[]>): Promise<T[]> => {
  try {
    return await query
  } catch (error) {
    if (['ENOTFOUND', 'ENODATA'].includes(textOf(error, 'code'))) return []
    throw error
  }
}

export const namesOf = (protocol: keyof typeof SERVICES, domain: string): readonly string[] =>
  Object.values(SERVICES[protocol]).map((service) => `${service}.${domain}`)

/**
 * The server that a domain's SRV records name for a protocol, and the name of the record. The lowest priority counts, of
 * those the one with TLS from the first byte (RFC 8314 3). A target of `.` says that there is
 * none (RFC 6186 3.4).
 */
export const serverBySrv = async (
  dns: Resolver,
  domain: string,
  protocol: keyof typeof SERVICES,
  username: string,
): Promise<{ readonly name: string; readonly found: Found | null }> => {
  const records = async (encryption: Found['encryption']) => {
    const name = `${SERVICES[protocol][encryption]}.${domain}`
    return (await recordsOf(dns.resolveSrv(name))).map((record) => ({ name, encryption, record }))
  }
  const all = [...(await records('tls')), ...(await records('starttls'))]
  const [best] = all
    .filter(({ record }) => record.name !== '' && record.name !== '.')
    // Sorting is stable, so that of equals those with TLS from the first byte stay in front.
    .toSorted((a, b) => a.record.priority - b.record.priority)
  if (best === undefined) return { name: namesOf(protocol, domain).join(', '), found: null }
  const { name, encryption, record } = best
  return { name, found: { host: record.name.toLowerCase(), port: record.port, encryption, username } }
}

/** The names of the servers that take in a domain's mail, the preferred one first. */
export const exchangersOf = async (dns: Resolver, domain: string): Promise<string[]> =>
  (await recordsOf(dns.resolveMx(domain)))
    .toSorted((a, b) => a.priority - b.priority)
    .map(({ exchange }) => exchange)
