import type { Entry } from '../../domain/directory/entry.ts'
import { defineRefusal } from '../../domain/refusal.ts'

/** Whether a domain can be no company's: anybody can have an address or a domain of their own in it. */
export type IsEverybodys = (domain: string) => boolean

const everybodysDomain = defineRefusal('everybodys-domain', {
  title: 'Domain of everybody',
  meaning:
    'Anybody can have an address, or a domain of their own, in this domain, so it is not that of a company.',
  remedy: "Leave it out; the addresses of the company's people can be those of its contacts.",
})

/** @throws Refused if a company claims what is everybody's */
export const refuseEverybodys = (isEverybodys: IsEverybodys, put: Entry): void => {
  const domains = put.kind === 'company' ? put.value.domains : []
  const found = domains?.find((domain) => isEverybodys(domain.toLowerCase()))
  if (found !== undefined) throw everybodysDomain({ detail: `The domain ${found} is not that of a company.` })
}
