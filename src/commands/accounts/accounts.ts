import { beginSignIn } from './begin-sign-in.ts'
import { completeSignIn } from './complete-sign-in.ts'
import { findSignIn } from './find-sign-in.ts'
import { finishSignIn, signInOf } from './finish-sign-in.ts'
import { startSignIn } from './start-sign-in.ts'
import type { Vault } from '../ports/credentials.ts'
import type { OpenMailbox, ProviderOf } from '../ports/mail-provider.ts'
import { accessReport, type ReportDeps } from './access-report.ts'
import { changeAccess, changeOwner, type AccessDeps } from './change-access.ts'
import { changeConnection } from './change-connection.ts'
import { changeExcludePatterns } from './change-exclude-patterns.ts'
import { changeSettings } from './change-settings.ts'
import { changeSignature } from './change-signature.ts'
import { chooseDefaultAccount, unsetDefaultAccount } from './choose-default-account.ts'
import { connectAccount } from './connect-account.ts'
import { disconnectAccount } from './disconnect-account.ts'
import { handOver } from './hand-over.ts'
import { giveKeyAccess, revokeKeyAccess } from './key-access.ts'
import { listFolders } from './list-folders.ts'
import { pauseAccount } from './pause-account.ts'
import { dismissWithheld, type IsWithheld } from './dismiss-withheld.ts'
import { previewSignature, type PreviewSignatureDeps } from './preview-signature.ts'
import { requestSync } from './request-sync.ts'
import { resumeAccount } from './resume-account.ts'
import { sweepCredentials } from './sweep-credentials.ts'
import { testAccount, testConnection } from './test-account.ts'

export type AccountDeps = AccessDeps &
  ReportDeps &
  PreviewSignatureDeps & {
    readonly vault: Vault
    readonly providerOf: ProviderOf
    readonly openMailbox: OpenMailbox
    readonly isWithheld: IsWithheld
    readonly returnOrigins: readonly string[]
    readonly redirectUri: string
  }

/** What can be done with email accounts. */
export const accountCommands = (deps: AccountDeps) => ({
  connect: connectAccount(deps),
  accessReport: accessReport(deps),
  changeAccess: changeAccess(deps),
  changeOwner: changeOwner(deps),
  handOver: handOver(deps),
  giveKeyAccess: giveKeyAccess(deps),
  revokeKeyAccess: revokeKeyAccess(deps),
  changeConnection: changeConnection(deps),
  changeSettings: changeSettings(deps),
  addExcludePattern: changeExcludePatterns(deps, 'add'),
  removeExcludePattern: changeExcludePatterns(deps, 'remove'),
  previewSignature: previewSignature(deps),
  changeSignature: changeSignature({ ...deps, check: deps.checkSignature }),
  chooseDefault: chooseDefaultAccount(deps),
  unsetDefault: unsetDefaultAccount(deps),
  listFolders: listFolders(deps),
  pause: pauseAccount(deps),
  resume: resumeAccount(deps),
  disconnect: disconnectAccount(deps),
  beginSignIn: beginSignIn(deps),
  startSignIn: startSignIn(deps),
  signInOf,
  finishSignIn: finishSignIn(deps),
  findSignIn: findSignIn(deps),
  completeSignIn: completeSignIn(deps),
  requestSync: requestSync(deps),
  dismissWithheld: dismissWithheld(deps),
  test: testAccount(deps),
  testConnection: testConnection(deps),
  sweepCredentials: sweepCredentials(deps),
})

export type AccountCommands = ReturnType<typeof accountCommands>
