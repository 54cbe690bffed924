import type { Commander } from './commander.ts'
import type { Chance } from './chance.ts'
import type { Work } from './load.ts'

type Parts = { readonly commander: Commander; readonly chance: Chance }

/** Contacts are created, changed and removed; templates get new versions. */
export const directoryWork = ({ commander, chance }: Parts): Work => {
  let count = 0
  const run = chance.between(1e8, 9e8)
  const there = new Set<string>()
  const templates = new Map<string, string | null>()

  const contact = async (mark: string): Promise<void> => {
    const id = `c-${chance.between(1, 12)}`
    const path = `/v1/directory/contacts/${id}`
    if (there.has(id) && chance.oneIn(5)) {
      await commander.ask({ name: 'remove contact', method: 'DELETE', path, mark: id })
      there.delete(id)
      return
    }
    const body = { firstName: mark, emails: [`${id}@client.test`] }
    await commander.ask({ name: 'put contact', method: 'PUT', path, body, mark })
    there.add(id)
  }
  const template = async (mark: string): Promise<void> => {
    const content = {
      name: `Template ${mark}`,
      subject: 'Hello {contact.first_name|there}',
      body: { format: 'html', source: `<p>Dear {contact.first_name|friend}, about ${mark}</p>` },
    }
    const [id, etag] = templates.size < 4 ? [] : chance.pick([...templates])
    const made = id
      ? await commander.ask({
          name: 'change template',
          method: 'PATCH',
          path: `/v1/templates/${id}`,
          body: content,
          headers: { 'if-match': etag ?? '' },
          mark,
        })
      : await commander.ask({
          name: 'create template',
          method: 'POST',
          path: '/v1/templates',
          body: { scope: 'shared', ...content },
          mark,
        })
    templates.set((made.answer.body as { id: string }).id, made.answer.etag)
  }
  return () => {
    const mark = `crm-${run}-${count++}`
    return chance.oneIn(3) ? template(mark) : contact(mark)
  }
}
