import tls from 'node:tls'

/**
 * Has every TLS connection of this process trust these authorities (PEM) beside those that it trusts already, for clients
 * that make their connections themselves, as the official ones of providers do.
 */
export const trustAlso = (authorities: readonly string[]): void => {
  if (authorities.length > 0)
    tls.setDefaultCACertificates([...tls.getCACertificates('default'), ...authorities])
}
