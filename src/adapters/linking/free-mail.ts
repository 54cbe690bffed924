import providers from 'email-providers'

const domains: ReadonlySet<string> = new Set(providers)

/** Whether anybody can have an address of this domain, so that it belongs to no company. */
export const isFreeMail = (domain: string): boolean => domains.has(domain)
