import { setTimeout as sleep } from 'node:timers/promises'
import type { Command, Commander } from './commander.ts'
import type { Chance } from './chance.ts'
import type { Work } from './load.ts'
import { plain } from './mail-samples.ts'
import type { Person, World } from './world.ts'

type Parts = {
  readonly world: World
  readonly commander: Commander
  readonly chance: Chance
  readonly accounts: ReadonlyMap<string, string>
}

const PEOPLE = 60
const COMPANIES = 8

const addressOf = (person: number): string => `person${person}@customer${person % COMPANIES}.test`

/** Mail from people whom the CRM has, or will have; some of it answers what was written before. */
const writer = (chance: Chance) => {
  const marks: string[] = []
  const run = chance.between(1e8, 9e8)
  return (to: Person): Buffer => {
    const n = chance.between(1, PEOPLE)
    const address = chance.pick([
      ...Array<string>(5).fill(addressOf(n)),
      addressOf(n).replace('@', '+news@'),
      `number${n}@private.test`,
      `colleague@customer${n % COMPANIES}.test`,
    ])
    const answers = marks.length > 0 && chance.oneIn(4) ? `<${chance.pick(marks)}@client.test>` : undefined
    const mark = `link-${run}-${marks.length}`
    marks.push(mark)
    const from = `Person Number${n} <${address}>`
    return plain(answers === undefined ? { to, mark, from } : { to, mark, from, answers })
  }
}

/** Puts so many mails into each mailbox. */
export const layMail = ({
  world,
  chance,
  mails,
}: Pick<Parts, 'world' | 'chance'> & { readonly mails: number }): void => {
  for (const person of world.onImap) {
    const write = writer(chance.branch(person.address))
    for (let n = 0; n < mails; n++) world.imap.mailbox(person.address).append('INBOX', { raw: write(person) })
  }
}

type Synced = { readonly statistics: { readonly emailsSynced: number } }

/** Waits until all that was laid is synced. */
export const untilSynced = async ({
  commander,
  accounts,
  mails,
}: Pick<Parts, 'commander' | 'accounts'> & { readonly mails: number }): Promise<void> => {
  for (const id of accounts.values())
    for (let synced = 0; synced < mails; await sleep(200)) {
      const { statistics } = await commander.get<Synced>(`/v1/email-accounts/${id}/sync-status`)
      synced = statistics.emailsSynced
    }
}

export const mailToLinkWork = ({ world, chance }: Parts): Work => {
  const write = writer(chance)
  return () => {
    const person = chance.pick(world.onImap)
    for (let n = chance.between(1, 4); n > 0; n--)
      world.imap.mailbox(person.address).append('INBOX', { raw: write(person) })
    return Promise.resolve()
  }
}

/** Contacts and companies are put, changed, removed, merged and imported. */
export const recordWork = ({ commander, chance }: Parts): Work => {
  /** Ids of contacts by the person that they are; a new one where the contact was merged into another. */
  const ids = new Map<number, string>()
  const there = new Set<number>()
  let count = 0
  const contactOf = (n: number) => ({
    firstName: 'Person',
    lastName: `Number${n}`,
    // With the address of another: mail from there may be of either.
    emails: [addressOf(n), ...(chance.oneIn(6) ? [addressOf(chance.between(1, PEOPLE))] : [])],
    title: `Version ${count++}`,
    ...(chance.oneIn(2) ? { companyId: `company-${n % COMPANIES}` } : {}),
  })
  const idOf = (n: number): string => ids.get(n) ?? `c-${n}`
  const put = async (n: number): Promise<void> => {
    const path = `/v1/directory/contacts/${idOf(n)}`
    await commander.ask({ name: 'put contact', method: 'PUT', path, body: contactOf(n) })
    there.add(n)
  }
  const remove = async (n: number): Promise<void> => {
    const path = `/v1/directory/contacts/${idOf(n)}`
    await commander.ask({ name: 'remove contact', method: 'DELETE', path })
    there.delete(n)
  }
  const merge = async (n: number, other: number): Promise<void> => {
    const path = `/v1/directory/contacts/${idOf(n)}/merge`
    await commander.ask({ name: 'merge contact', method: 'POST', path, body: { into: idOf(other) } })
    there.delete(n)
    ids.set(n, `c-${n}-${count++}`)
  }
  const importSome = async (): Promise<void> => {
    const some = new Set(Array.from({ length: chance.between(10, 30) }, () => chance.between(1, PEOPLE)))
    const lines = [...some].map((n) => JSON.stringify({ kind: 'contact', id: idOf(n), value: contactOf(n) }))
    await commander.ask({
      name: 'import contacts',
      method: 'POST',
      path: '/v1/directory/imports',
      file: Buffer.from(lines.join('\n')),
      headers: { 'content-type': 'application/x-ndjson' },
    })
    for (const n of some) there.add(n)
  }
  const putCompany = async (n: number): Promise<void> => {
    const body = { name: `Customer ${count++}`, domains: chance.oneIn(3) ? [] : [`customer${n}.test`] }
    await commander.ask({
      name: 'put company',
      method: 'PUT',
      path: `/v1/directory/companies/company-${n}`,
      body,
    })
  }
  return async () => {
    const n = chance.between(1, PEOPLE)
    const what = chance.between(0, 99)
    const others = [...there].filter((each) => each !== n)
    if (there.has(n) && what < 15) await remove(n)
    else if (there.has(n) && others.length > 0 && what < 30) await merge(n, chance.pick(others))
    else if (what < 34) await importSome()
    else if (what < 44) await putCompany(n % COMPANIES)
    else await put(n)
  }
}

/** An account's rules are changed, and changed back before or after all its mail has been matched anew. */
export const rulesWork = ({ commander, chance, accounts }: Parts): Work => {
  const asUsual = { byAddress: true, byName: true, byDomain: true, confirmAll: false }
  return async () => {
    const id = chance.pick([...accounts.values()])
    const change = (body: object) =>
      commander.ask({
        name: 'change rules',
        method: 'PATCH',
        path: `/v1/email-accounts/${id}/settings`,
        headers: { 'if-match': '*' },
        body,
      })
    await change(
      chance.pick([
        { autoLink: false },
        { linkRules: { ...asUsual, byAddress: false } },
        { linkRules: { ...asUsual, confirmAll: true } },
      ]),
    )
    await sleep(chance.between(0, 5000))
    await change({ autoLink: true, linkRules: asUsual })
  }
}

/** A contact to whom mail that there is belongs, too. */
export const changeLast = (commander: Commander): Promise<Command> =>
  commander.ask({
    name: 'put last contact',
    method: 'PUT',
    path: '/v1/directory/contacts/last',
    body: { lastName: 'Last', emails: Array.from({ length: 20 }, (_, n) => addressOf(n + 1)) },
  })
