import providers from 'email-providers'
import { getPublicSuffix } from 'tldts'
import { isLargeProvider } from '../../domain/large-providers.ts'

const domains: ReadonlySet<string> = new Set(providers)

/** Whether anybody can have an address of this domain, so that it belongs to no company. */
export const isFreeMail = (domain: string): boolean => isLargeProvider(domain) || domains.has(domain)

/** The same, or whether anybody can have a domain below it: a public suffix, as `co.uk` is one. */
export const isEverybodys = (domain: string): boolean =>
  isFreeMail(domain) || getPublicSuffix(domain, { allowPrivateDomains: true }) === domain
