import type { Access } from '../../commands/ports/mail-provider.ts'

/** Where access tokens of accounts come from that were connected by signing in. */
export type TokenSource = {
  /**
   * An access token that holds for a minute at least. `refused`: one that the server did not accept. One refresh for
   * all who ask, over all processes.
   * @throws MailUnavailable `sign-in-again`, `temporary` or `throttled`
   */
  accessToken(access: Access, refused: string | null, signal: AbortSignal): Promise<string>
}
