import { assignSender } from './assign-sender.ts'
import { decideLink } from './decide-link.ts'
import { decideSuggestion, type DecideSuggestionDeps } from './decide-suggestion.ts'
import { linkMessages, type LinkMessagesDeps } from './link-messages.ts'
import { previewLinks, type PreviewDeps } from './preview-links.ts'

/** What is done about links of mail to records of the CRM. */
export const linkingCommands = (deps: DecideSuggestionDeps & LinkMessagesDeps & PreviewDeps) => ({
  decide: decideLink(deps),
  decideSuggestion: decideSuggestion(deps),
  assignSender: assignSender(deps),
  preview: previewLinks(deps),
  linkMessages: linkMessages(deps),
})

export type LinkingCommands = ReturnType<typeof linkingCommands>
