import type { KeyPair } from '../tls.ts'
import { startAuthorizationServer, type AuthorizationServer } from '../authorization-server.ts'

export const TENANT = '3f2504e0-4f89-41d3-9a0c-0305e82c3301'

/**
 * Microsoft's sign-in for one tenant, over TLS: every refresh gives a new refresh token, and nothing can be revoked.
 */
export const startMicrosoftSignIn = (redirectUri: () => string, tls: KeyPair): Promise<AuthorizationServer> =>
  startAuthorizationServer(
    {
      issuerPath: `/${TENANT}/v2.0`,
      authorizePath: `/${TENANT}/oauth2/v2.0/authorize`,
      tokenPath: `/${TENANT}/oauth2/v2.0/token`,
      revokePath: null,
      wantsRefresh: (request) => (request.get('scope') ?? '').split(' ').includes('offline_access'),
      rotates: true,
      namesIssuer: false,
      // An address in the token is what its owner wrote, and no mailbox.
      claims: ({ id }) => ({ tid: TENANT, oid: id, email: 'whatever@they.wrote.test' }),
    },
    redirectUri,
    tls,
  )
