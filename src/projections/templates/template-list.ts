import { sql, type Kysely } from 'kysely'
import {
  TemplateChanged,
  TemplateCreated,
  TemplateDeleted,
  type TemplateContent,
} from '../../domain/templates/events.ts'
import { findVariables } from '../../domain/templates/variables.ts'
import {
  boolean,
  containing,
  integer,
  json,
  nullable,
  paged,
  projection,
  table,
  tablesOf,
  text,
  timestamp,
  type Page,
  type RowOf,
} from '../projection.ts'

const template = table({
  columns: {
    id: text,
    scope: text,
    /** Of a personal template. */
    user_id: nullable(text),
    name: text,
    /** The name, normalised for sorting. */
    sort_name: text,
    subject: text,
    format: text,
    version: integer,
    is_deleted: boolean,
    created_at: timestamp,
    changed_at: timestamp,
    revision: integer,
  },
  key: ['id'],
  indexes: ['(sort_name, id)', '(changed_at, id)', '(user_id, sort_name, id)', '(user_id, changed_at, id)'],
})

const version = table({
  columns: {
    template_id: text,
    version: integer,
    content: json<TemplateContent>(),
    created_at: timestamp,
    created_by: nullable(text),
  },
  key: ['template_id', 'version'],
})

/** The list of templates, and every version of each: an email shows the one that it was made from. */
export const templateList = projection({
  name: 'template-list',
  version: 2,
  tables: { template, version },
  events: [TemplateCreated, TemplateChanged, TemplateDeleted],
  fold: (event, rows) => {
    const { templateId } = event.data
    const at = event.metadata.occurredAt
    const before = rows.get('template', { id: templateId })
    if (event.type !== 'TemplateCreated' && !before)
      throw new Error(`${event.type} of a template that was not created`)
    if (event.type === 'TemplateDeleted') {
      if (before)
        rows.put('template', { ...before, is_deleted: true, changed_at: at, revision: event.revision })
      return
    }
    const { content } = event.data
    const { actor } = event.metadata
    rows.put('version', {
      template_id: templateId,
      version: event.data.version,
      content,
      created_at: at,
      created_by: actor.kind === 'user' ? actor.id : null,
    })
    const scope = event.type === 'TemplateCreated' ? event.data.scope : null
    rows.put('template', {
      id: templateId,
      scope: scope?.kind ?? before?.scope ?? '',
      user_id: scope === null ? (before?.user_id ?? null) : scope.kind === 'personal' ? scope.userId : null,
      name: content.name,
      sort_name: content.name.toLowerCase(),
      subject: content.subject,
      format: content.body.format,
      version: event.data.version,
      is_deleted: false,
      created_at: before?.created_at ?? at,
      changed_at: at,
      revision: event.revision,
    })
  },
})

/** A template in a list, which is ordered by `sortName`, then `id`. */
export type TemplateItem = {
  readonly id: string
  readonly scope: 'personal' | 'shared'
  /** Its owner; null for a shared one. */
  readonly userId: string | null
  readonly name: string
  readonly sortName: string
  readonly subject: string
  readonly format: TemplateContent['body']['format']
  readonly version: number
  readonly createdAt: string
  readonly changedAt: string
}

/** A template with its newest content; `variables` are those used in it. */
export type TemplateDetail = TemplateItem & {
  readonly body: TemplateContent['body']
  readonly variables: string[]
  readonly revision: number
}

export type TemplateVersion = TemplateContent & {
  readonly templateId: string
  readonly version: number
  readonly createdAt: string
  /** The user who created it; null if a program did. */
  readonly createdBy: string | null
}

const toItem = (row: RowOf<typeof template>): TemplateItem => ({
  id: row.id,
  scope: row.scope === 'shared' ? 'shared' : 'personal',
  userId: row.user_id,
  name: row.name,
  sortName: row.sort_name,
  subject: row.subject,
  format: row.format === 'mjml' ? 'mjml' : 'html',
  version: row.version,
  createdAt: row.created_at,
  changedAt: row.changed_at,
})

/** Templates that this user (null: nobody in particular) may see, including deleted ones. */
const visible = (db: Kysely<unknown>, userId: string | null) =>
  tablesOf(db, templateList)
    .selectFrom('template')
    .where((where) =>
      where.or([where('user_id', 'is', null), ...(userId === null ? [] : [where('user_id', '=', userId)])]),
    )

/** What a list of templates is narrowed down to; what is undefined narrows nothing. */
type TemplateFilter = {
  /** Templates that this user may see; null: only the shared ones. */
  readonly userId: string | null
  readonly scope?: TemplateItem['scope'] | undefined
  readonly format?: TemplateItem['format'] | undefined
  /** Part of the name or of the subject; capital letters do not count. */
  readonly search?: string | undefined
}

const listKeys = {
  name: { column: 'sort_name', type: 'text' },
  changedAt: { column: 'changed_at', type: 'timestamptz' },
} as const

/** The user's own templates, the shared ones, or both, by name or by time. */
export const listTemplates =
  (db: Kysely<unknown>) =>
  async (
    { userId, scope, format, search }: TemplateFilter,
    { by, ...page }: Page & { readonly by: keyof typeof listKeys },
  ): Promise<TemplateItem[]> => {
    const pattern = containing(search ?? '')
    const found = visible(db, userId)
      .selectAll()
      .where('is_deleted', '=', false)
      .$if(scope !== undefined, (of) => of.where('scope', '=', scope ?? ''))
      .$if(format !== undefined, (of) => of.where('format', '=', format ?? ''))
      .$if(search !== undefined, (of) =>
        of.where(sql<boolean>`(name ilike ${pattern} or subject ilike ${pattern})`),
      )
    const rows = await paged(found, listKeys[by], page).execute()
    return rows.map(toItem)
  }

/** A template that was not deleted. */
export const findTemplate =
  (db: Kysely<unknown>) =>
  async (id: string, userId: string | null): Promise<TemplateDetail | null> => {
    const row = await visible(db, userId)
      .innerJoin('version', (join) =>
        join
          .onRef('version.template_id', '=', 'template.id')
          .onRef('version.version', '=', 'template.version'),
      )
      .selectAll('template')
      .select('version.content')
      .where('template.id', '=', id)
      .where('is_deleted', '=', false)
      .executeTakeFirst()
    if (!row) return null
    const { subject, body } = row.content
    const used = findVariables(`${subject}\n${body.source}`).map(({ name }) => name)
    return { ...toItem(row), body, variables: [...new Set(used)], revision: row.revision }
  }

/** Any version, also of a deleted template. */
export const findTemplateVersion =
  (db: Kysely<unknown>) =>
  async (id: string, number: number, userId: string | null): Promise<TemplateVersion | null> => {
    const row = await visible(db, userId)
      .innerJoin('version', 'version.template_id', 'template.id')
      .selectAll('version')
      .where('template.id', '=', id)
      .where('version.version', '=', number)
      .executeTakeFirst()
    if (!row) return null
    const { template_id, version: of, content, created_at, created_by } = row
    return { templateId: template_id, version: of, ...content, createdAt: created_at, createdBy: created_by }
  }
