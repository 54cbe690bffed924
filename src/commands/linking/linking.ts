import { decideLink, type DecideDeps } from './decide-link.ts'
import { linkMessages, type LinkMessagesDeps } from './link-messages.ts'

/** What is done about links of mail to records of the CRM. */
export const linkingCommands = (deps: DecideDeps & LinkMessagesDeps) => ({
  decide: decideLink(deps),
  linkMessages: linkMessages(deps),
})

export type LinkingCommands = ReturnType<typeof linkingCommands>
