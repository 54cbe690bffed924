import type { Handle, Load } from '../handle.ts'
import type { Vault } from '../ports/credentials.ts'
import type { ProviderOf } from '../ports/mail-provider.ts'
import { changeConnection } from './change-connection.ts'
import { changeSettings } from './change-settings.ts'
import { changeSignature } from './change-signature.ts'
import { chooseDefaultAccount } from './choose-default-account.ts'
import { connectAccount } from './connect-account.ts'
import { disconnectAccount } from './disconnect-account.ts'
import { pauseAccount } from './pause-account.ts'
import { requestSync } from './request-sync.ts'
import { resumeAccount } from './resume-account.ts'
import { testAccount, testConnection } from './test-account.ts'

export type AccountDeps = {
  readonly handle: Handle
  readonly load: Load
  readonly vault: Vault
  readonly providerOf: ProviderOf
  /** Refuses what no signature may hold. */
  readonly checkSignature: (html: string) => void
}

/** What can be done with email accounts. */
export const accountCommands = (deps: AccountDeps) => ({
  connect: connectAccount(deps),
  changeConnection: changeConnection(deps),
  changeSettings: changeSettings(deps),
  changeSignature: changeSignature({ ...deps, check: deps.checkSignature }),
  chooseDefault: chooseDefaultAccount(deps),
  pause: pauseAccount(deps),
  resume: resumeAccount(deps),
  disconnect: disconnectAccount(deps),
  requestSync: requestSync(deps),
  test: testAccount(deps),
  testConnection: testConnection(deps),
})

export type AccountCommands = ReturnType<typeof accountCommands>
