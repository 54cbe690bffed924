import { startAuthorizationServer, type AuthorizationServer } from '../authorization-server.ts'

/** Google's sign-in, over HTTP: a refresh token is given where it is asked for, and does not change. */
export const startGoogleSignIn = (redirectUri: () => string): Promise<AuthorizationServer> =>
  startAuthorizationServer(
    {
      issuerPath: '',
      authorizePath: '/o/oauth2/v2/auth',
      tokenPath: '/token',
      revokePath: '/revoke',
      wantsRefresh: (request) =>
        request.get('access_type') === 'offline' && (request.get('prompt') ?? '').includes('consent'),
      rotates: false,
      namesIssuer: true,
      claims: ({ address }) => ({ email: address, email_verified: true }),
    },
    redirectUri,
  )
